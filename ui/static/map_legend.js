/* The legend of a map: what is in view now, and nothing else. */
(function () {
  "use strict";

  const { el } = window.chigaiLook;

  function add(view) {
    const control = L.control({ position: "bottomright" });
    control.onAdd = () => {
      const box = el("details", "cg-legend");
      box.open = view.map.getContainer().clientWidth > 600;
      box.append(el("summary", "", view.cfg.text.legend));
      view.legend = el("div", "cg-entries");
      box.append(view.legend);
      L.DomEvent.disableClickPropagation(box);
      L.DomEvent.disableScrollPropagation(box);
      return box;
    };
    control.addTo(view.map);
  }

  function draw(view) {
    const near = view.near();
    const on = (key) => (view.loaders || []).some((l) => l.key === key && l.wanted());
    const parts = [];
    const far = view.painted && view.painted.far();
    const counties = view.cfg.counties && !near && !far && view.map.hasLayer(view.groups.counties);
    if (view.cfg.kind === "plan" && counties) parts.push(["legend_targets", "targets"]);
    if (view.cfg.kind === "work" && counties) parts.push(["legend_progress", "progress", view.cfg.seen.counties]);
    if (on("work_sites")) parts.push(["legend_work_sites", "work", view.cfg.seen.sites, "round"]);
    if (on("sites")) parts.push(["legend_sites", "blocks", ["site", "site_small"], "round"]);
    if (view.painted) parts.push(...view.painted.legend());
    if (view.coarse && view.map.hasLayer(view.groups.footprint)) parts.push(["legend_footprint", "footprint"]);
    if (on("findings")) parts.push(["legend_findings", "findings"]);
    const drawn = JSON.stringify(parts);
    if (drawn === view.legendDrawn) return;
    view.legendDrawn = drawn;
    view.legend.replaceChildren();
    for (const [title, book, only, shape, amounts] of parts) {
      view.legend.append(el("div", "cg-part", view.cfg.text[title]));
      const list = el("div", `cg-list cg-of-${book}`);
      view.legend.append(list);
      for (const [key, one] of Object.entries(view.cfg.looks[book])) {
        if (only && !only.includes(key)) continue;
        const swatch = el("span", `cg-swatch cg-${one.h} ${shape ? "cg-" + shape : ""}`);
        swatch.style.setProperty("--c", one.c);
        // several colours that say the same share a line
        const said = list.lastChild && list.lastChild.lastChild.textContent === one.t && list.lastChild;
        if (said) {
          said.lastChild.before(swatch);
          continue;
        }
        const row = el("div", "cg-entry");
        row.append(swatch, el("span", "", one.t));
        if (amounts && amounts[key]) row.append(el("span", "cg-amount", amounts[key]));
        list.append(row);
      }
    }
  }

  window.chigaiLegend = { add, draw };
})();
