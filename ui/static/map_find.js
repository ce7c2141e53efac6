/* Finding one's way: search by code, village or block; where I am; and the sheet for the printer. */
(function () {
  "use strict";

  const { el, number, button } = window.chigaiLook;
  const cards = window.chigaiCard;
  const PAUSE_MS = 250;
  let cfg, T;

  async function ask(text, signal) {
    const answer = await fetch(`${cfg.grid.base}find.json?q=${encodeURIComponent(text)}`, { signal });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  function search(view) {
    const control = L.control({ position: "topleft" });
    control.onAdd = () => {
      const box = el("form", "cg-find leaflet-bar");
      box.setAttribute("role", "search");
      const field = el("input");
      Object.assign(field, { type: "search", placeholder: T.find, autocomplete: "off", maxLength: 64 });
      field.setAttribute("aria-label", T.find);
      const list = el("ul", "cg-found");
      list.hidden = true;
      box.append(field, list);
      let timer, busy;
      const look = async () => {
        if (busy) busy.abort();
        const text = field.value.trim();
        if (!text) {
          list.hidden = true;
          return [];
        }
        busy = new AbortController();
        try {
          const { found, more } = await ask(text, busy.signal);
          list.replaceChildren(...found.map((one) => entry(view, one, list)));
          if (!found.length) list.append(el("li", "cg-none", T.find_none));
          if (more) list.append(el("li", "cg-none", T.find_more));
          list.hidden = false;
          return found;
        } catch (error) {
          if (error.name !== "AbortError") {
            list.replaceChildren(el("li", "cg-none", T.failed));
            list.hidden = false;
          }
          return [];
        }
      };
      field.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(look, PAUSE_MS);
      });
      field.addEventListener("keydown", (event) => {
        if (event.key === "Escape") list.hidden = true;
        const first = list.querySelector("button");
        if (event.key === "ArrowDown" && first) first.focus();
      });
      box.addEventListener("submit", async (event) => {
        event.preventDefault();
        clearTimeout(timer);
        const [first] = await look();
        if (first) go(view, first, list);
      });
      L.DomEvent.disableClickPropagation(box);
      L.DomEvent.disableScrollPropagation(box);
      return box;
    };
    control.addTo(view.map);
  }

  function entry(view, one, list) {
    const item = el("li");
    const node = button("", () => go(view, one, list));
    node.className = "cg-hit";
    const place = cfg.places.find((p) => p.code === one.county);
    const where = [one.within, place && place.name].filter(Boolean).join(" · ");
    node.append(el("span", "cg-kind", T[one.kind]), el("b", "", one.name), el("small", "", where));
    if (one.area_mu) node.append(el("small", "cg-amount", `${number(one.area_mu, one.area_mu < 100 ? 1 : 0)} ${T.u_mu}`));
    item.append(node);
    return item;
  }

  async function go(view, one, list) {
    list.hidden = true;
    view.unpop();
    const [west, south, east, north] = one.box;
    if (one.row === undefined) {
      view.map.fitBounds([[south, west], [north, east]], { maxZoom: 16, animate: false });
      return;
    }
    const layer = one.kind === "block" ? "blocks" : "parcels";
    view.painted.go(layer, await cards.facts(layer, one.row));
  }

  /* ---- where I am, and the printer ---- */

  function tools(view) {
    const control = L.control({ position: "topleft" });
    control.onAdd = () => {
      const box = el("div", "cg-tools leaflet-bar");
      const locate = button("", () => here(view));
      const print = button("", () => window.print());
      for (const [node, text, kind] of [[locate, T.locate, "locate"], [print, T.print, "print"]]) {
        node.className = `cg-tool cg-tool-${kind}`;
        node.title = text;
        node.setAttribute("aria-label", text);
        box.append(node);
      }
      L.DomEvent.disableClickPropagation(box);
      return box;
    };
    control.addTo(view.map);
    view.map.getContainer().append(foot());
  }

  /* What a sheet of paper says that the screen need not. */
  function foot() {
    const node = el("div", "cg-printed");
    const day = new Date().toLocaleDateString(cfg.lang, { year: "numeric", month: "long", day: "numeric" });
    node.append(el("b", "", cfg.title), el("span", "", day));
    return node;
  }

  function here(view) {
    view.map.off("locationfound locationerror");
    view.map.once("locationerror", () => view.tell(T.locate_failed));
    view.map.once("locationfound", async ({ latlng, accuracy }) => {
      try {
        // the server moves it into the map's datum
        const { found } = await ask(`${latlng.lng.toFixed(7)},${latlng.lat.toFixed(7)}`);
        const [west, south] = found[0].box;
        if (view.me) view.me.remove();
        view.me = L.featureGroup([
          L.circle([south, west], { radius: accuracy, interactive: false, color: "#0072b2", weight: 1, fillOpacity: 0.12 }),
          L.circleMarker([south, west], { radius: 7, interactive: false, color: "#ffffff", weight: 2, fillColor: "#0072b2", fillOpacity: 1 }),
        ]).addTo(view.map);
        view.map.setView([south, west], Math.max(view.map.getZoom(), 15), { animate: false });
      } catch {
        view.tell(T.failed);
      }
    });
    view.map.locate({ enableHighAccuracy: true, timeout: 10000 });
  }

  function setUp(config) {
    cfg = config;
    T = cfg.text;
  }

  window.chigaiFind = { setUp, search, tools };
})();
