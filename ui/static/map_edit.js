/* Changing a draft on a plan's map, where the address names one (?draft=…): parcels and blocks are selected by a click,
   a box or a ring, a change is told before it is made, and what is changed is drawn above the plan's tiles. */
(function () {
  "use strict";

  const draft = new URLSearchParams(location.search).get("draft");
  if (!draft || !window.chigaiMap) return;

  const { el, say, number } = window.chigaiLook;
  const area = (mu) => `${number(mu, mu >= 1000 ? 0 : 2)} ${say("u_mu")}`;
  const yuan = (value) => `${number(value, 0)} ${say("u_yuan")}`;
  const base = `/chigai/draft/${encodeURIComponent(draft)}/`;
  const lang = () => (document.documentElement.lang === "en" ? "en" : "zh");
  const STATES = { meets: "#0072B2", below: "#E69F00", loose: "#ffffff", out: "#4B0082" };
  const CHOSEN = { color: "#D55E00", weight: 4, fillColor: "#D55E00", fillOpacity: 0.25 };
  const WOULD = { color: "#882255", weight: 4, dashArray: "7 5", fillColor: "#882255", fillOpacity: 0.2 };
  const DRAWN = { color: "#D55E00", weight: 2, dashArray: "4 4", fillOpacity: 0.08, interactive: false };
  const FIT = { maxZoom: 18, animate: false, padding: [40, 40] };
  let map, over, chosen, would, pen;
  const at = { what: "parcels", how: "point", unit: null, parcels: new Set(), blocks: new Set(), moving: false, corners: null, asked: null };
  const node = {};

  async function ask(path, body) {
    const how = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(base + path, how);
    if (answer.ok || answer.status === 409) return answer.json();
    const text = await answer.text();
    throw new Error(text.slice(0, 400) || String(answer.status));
  }

  /* ---- what is drawn above the tiles ---- */

  const styleOf = ({ properties: p }) => ({
    color: p.locked ? "#111a21" : "#1d2a35", weight: p.locked ? 4 : 2, dashArray: p.locked ? "2 5" : null,
    fillColor: p.kind === "loose" ? (p.out ? STATES.out : STATES.loose) : p.meets ? STATES.meets : STATES.below,
    fillOpacity: p.kind === "loose" && !p.out ? 0.85 : 0.75,
  });

  async function redraw() {
    const [shapes, figures] = await Promise.all([ask("overlay.json"), ask("figures.json")]);
    over.clearLayers().addData(shapes);
    node.undo.textContent = say("edit_undo", { n: figures.undo });
    node.redo.textContent = say("edit_redo", { n: figures.redo });
    node.undo.disabled = !figures.undo;
    node.redo.disabled = !figures.redo;
  }

  async function look(unit) {
    at.unit = await ask(`unit/${unit}.json`);
    const there = { blocks: new Set(at.unit.blocks.map((b) => b.block_id)), parcels: new Set(at.unit.parcels.map((p) => p.parcel_id)) };
    for (const kind of ["blocks", "parcels"]) for (const id of at[kind]) if (!there[kind].has(id)) at[kind].delete(id);
    if (at.unit.others.length) tell("warn", [say("edit_others", { names: at.unit.others.join("、") })]);
    mark();
  }

  function mark() {
    const ids = new Set([...at.blocks, ...at.parcels]);
    const shapes = at.unit ? at.unit.shapes.features.filter((f) => ids.has(f.properties.id)) : [];
    chosen.clearLayers().addData({ type: "FeatureCollection", features: shapes });
    node.selected.textContent = ids.size
      ? say("edit_selected", { unit: at.unit.field_unit, blocks: at.blocks.size, parcels: at.parcels.size })
      : say("edit_none");
    for (const [kind, button] of Object.entries(node.does)) button.disabled = kind === "replan" ? !at.unit : !ids.size;
  }

  function forget() {
    at.parcels.clear();
    at.blocks.clear();
    at.moving = false;
    leave();
    mark();
  }

  /* ---- selecting ---- */

  const ringOf = (points) => points.map((p) => `${p.lng.toFixed(7)},${p.lat.toFixed(7)}`).join(",");

  async function pick(points, what) {
    return ask(`pick.json?what=${what}&ring=${ringOf(points)}`);
  }

  async function select(points, toggle) {
    const found = await pick(points, at.what);
    if (found.field_unit === null) return;
    if (!at.unit || at.unit.field_unit !== found.field_unit) {
      at.parcels.clear();
      at.blocks.clear();
    }
    for (const kind of ["parcels", "blocks"])
      for (const id of found[kind])
        if (toggle && at[kind].has(id)) at[kind].delete(id);
        else at[kind].add(id);
    leave();
    await look(found.field_unit);
    if (found.others) tell("warn", [say("edit_left", { n: found.others })]);
  }

  async function clicked({ latlng }) {
    if (at.moving) {
      const found = await pick([latlng], "blocks");
      at.moving = false;
      if (found.blocks.length) await preview({ kind: "move", to: found.blocks[0] });
    } else if (at.how === "point") await select([latlng], true);
  }

  /* A box, a ring or a line is drawn by pressing and dragging, with a mouse, a pen or a finger; by keys, Enter sets a
     corner in the middle of the map: two are a box or a line, a ring ends where Enter comes twice. */
  function drawing() {
    const stage = map.getContainer();
    const where = (event) => map.mouseEventToLatLng(event);
    const shown = () => pen.clearLayers().addLayer(at.how === "box" ? L.rectangle(at.corners, DRAWN) : at.how === "lasso" ? L.polygon(at.corners, DRAWN) : L.polyline(at.corners, DRAWN));
    const ended = () => {
      const drawn = at.corners;
      at.corners = null;
      pen.clearLayers();
      if (drawn.length < 2) return;
      if (at.how === "line") go(() => preview({ kind: "split", line: drawn.map((p) => [p.lng, p.lat]) }));
      else if (at.how === "lasso") go(() => select(thinned(drawn), false));
      else {
        const box = L.latLngBounds(drawn);
        go(() => select([box.getSouthWest(), box.getSouthEast(), box.getNorthEast(), box.getNorthWest()], false));
      }
    };
    stage.addEventListener("pointerdown", (event) => {
      if (at.how === "point" || at.moving || event.button || event.target.closest(".leaflet-control, .cg-panel, .cg-select")) return;
      event.stopPropagation();
      map.dragging.disable();
      at.corners = [where(event)];
      pen.clearLayers();
    }, true);
    stage.addEventListener("pointermove", (event) => {
      if (!at.corners || map.dragging.enabled()) return;
      if (at.how === "lasso") at.corners.push(where(event));
      else at.corners = [at.corners[0], where(event)];
      shown();
    }, true);
    stage.addEventListener("pointerup", () => {
      if (!at.corners || map.dragging.enabled()) return;
      map.dragging.enable();
      ended();
    }, true);
    stage.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== stage || at.how === "point" || at.moving) return;
      event.stopImmediatePropagation();
      event.preventDefault();
      const here = map.getCenter();
      const twice = at.corners && at.corners[at.corners.length - 1].equals(here);
      if (!twice) at.corners = [...(at.corners || []), here];
      if (at.corners.length === 1) pen.clearLayers().addLayer(L.circleMarker(here, { ...DRAWN, radius: 5 }));
      else if (twice || at.how !== "lasso") ended();
      else shown();
    }, true);
  }

  /* The server takes some hundred corners; a hand's ring has more. */
  const thinned = (points) => points.filter((_, i) => i % Math.ceil(points.length / 200) === 0);

  /* ---- what a change would do, and making it ---- */

  async function preview(change) {
    const asked = { field_unit: at.unit.field_unit, parcels: [...at.parcels], blocks: [...at.blocks], ...change };
    const told = await ask("preview", asked);
    would.clearLayers();
    if (!told.allowed) return refused(told);
    at.asked = asked;
    would.addData({ type: "FeatureCollection", features: told.shapes.features.filter((f) => told.made.some((b) => b.block_id === f.properties.id)) });
    const lines = [];
    for (const [word, rows] of [["edit_gone", told.gone], ["edit_made", told.made]])
      for (const b of rows) {
        lines.push(`${say(word)} · ${say("edit_block_row", {
          block: b.block_id, area: area(b.area_mu), step: b.step_m === null ? "–" : `${number(b.step_m, 2)} m`,
          operators: b.n_operators, cut: `${number(b.cut_m3, 0)} m³`, cost: yuan(b.cost_yuan),
        })}`);
        if (!b.meets_minimum) lines.push(say("edit_below", { mu: number(b.minimum_mu, 1) }));
      }
    if (told.made.length) lines.push(kept(told.made));
    for (const c of told.counties) lines.push(county(c));
    tell(told.below ? "warn" : "good", [say("edit_would"), ...lines]);
    node.apply.hidden = node.cancel.hidden = false;
    node.apply.focus();
  }

  /* How near the changed blocks are to the hard rules, which they all keep. */
  function kept(made) {
    const most = (name) => Math.max(...made.map((b) => b[name] || 0));
    return say("edit_kept", {
      area: number(most("area_mu"), 1), maximum: number(made[0].maximum_mu, 0), step: number(most("step_m"), 2),
      limit: number(made[0].max_step_m, 2), unasked: made.reduce((sum, b) => sum + b.unasked, 0),
    });
  }

  function county(c) {
    const signed = (name, digits) => `${c.after[name] < c.before[name] ? "−" : "+"}${number(Math.abs(c.after[name] - c.before[name]), digits)}`;
    return say("edit_county", {
      name: c.county === null ? say("edit_all") : c[`name_${lang()}`] || c.county,
      mu: area(c.after.compliant_mu), dmu: signed("compliant_mu", 2), yuan: yuan(c.after.cost_yuan), dyuan: signed("cost_yuan", 0),
      cut: `${number(c.after.cut_m3, 0)} m³`, dcut: signed("cut_m3", 0),
    });
  }

  function refused(told) {
    const reasons = told.refusals.map((r) => r[lang()]);
    tell("bad", [say("edit_refused"), ...reasons, told[`do_${lang()}`]]);
    const where = new Set(told.refusals.flatMap((r) => r.parcels));
    would.addData({ type: "FeatureCollection", features: at.unit.shapes.features.filter((f) => where.has(f.properties.id)) });
  }

  async function apply() {
    const told = await ask("apply", { ...at.asked, seen: at.unit.version });
    if (told.changed) tell("bad", [told[lang()]]);
    else if (!told.allowed) return refused(told);
    const unit = at.unit.field_unit;
    if (!told.changed) {
      forget();
      tell("good", [say("edit_saved")]);
    }
    await Promise.all([look(unit), redraw()]);
  }

  function leave() {
    at.asked = null;
    would.clearLayers();
    at.corners = null;
    pen.clearLayers();
    // whoever pressed one of the two goes on from the answer, not from the top of the page
    if ([node.apply, node.cancel].includes(document.activeElement)) node.told.focus();
    node.apply.hidden = node.cancel.hidden = true;
    node.told.replaceChildren();
    node.told.className = "cg-edit-told";
  }

  async function turned(way) {
    const told = await ask(way, {});
    if (told.changed) tell("bad", [told[lang()]]);
    else forget();
    if (told.field_unit !== undefined && told.field_unit !== null) await look(told.field_unit);
    await redraw();
  }

  async function next() {
    const after = at.unit ? `?after=${at.unit.field_unit}` : "";
    const found = await ask(`next.json${after}`);
    forget();
    if (found.field_unit === null) return tell("good", [say("edit_no_problem")]);
    const [west, south, east, north] = found.box;
    map.fitBounds([[south, west], [north, east]], FIT);
    await look(found.field_unit);
    tell("warn", found.problems.map((p) => say("edit_problem", { kind: say(`edit_${p.kind}`), mu: number(p.area_mu, 1) })));
  }

  /* ---- the panel ---- */

  function tell(kind, lines) {
    node.told.className = `cg-edit-told cg-edit-${kind}`;
    node.told.replaceChildren(...lines.filter(Boolean).map((line, i) => el(i ? "p" : "b", "", line)));
  }

  /* Does something, one thing at a time, and says where it did not work. */
  let busy = false;
  async function go(work) {
    if (busy) return;
    busy = true;
    document.body.classList.add("cg-edit-busy");
    try {
      await work();
    } catch (error) {
      tell("bad", [say("edit_failed"), error.message]);
    } finally {
      busy = false;
      document.body.classList.remove("cg-edit-busy");
    }
  }

  function button(text, work, className) {
    const made = el("button", className || "", text);
    made.type = "button";
    made.addEventListener("click", () => go(work));
    return made;
  }

  function choice(name, keys) {
    const group = el("div", "cg-edit-choice");
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", say(`edit_${name}`));
    group.append(el("span", "", say(`edit_${name}`)));
    for (const key of keys) {
      const made = el("button", "", say(`edit_${key}`));
      made.type = "button";
      made.setAttribute("role", "radio");
      made.addEventListener("click", () => {
        at[name] = key;
        at.moving = false;
        at.corners = null;
        pen.clearLayers();
        if (name === "how") node.hint.textContent = say(`edit_hint_${key}`);
        for (const other of group.querySelectorAll("button")) other.setAttribute("aria-checked", String(other === made));
        map.getContainer().classList.toggle("cg-drawing", at.how !== "point");
      });
      made.setAttribute("aria-checked", String(at[name] === key));
      group.append(made);
    }
    return group;
  }

  function panel() {
    const box = el("div", "cg-edit");
    node.hint = el("small", "", say("edit_hint_point"));
    node.selected = el("b", "", say("edit_none"));
    node.told = el("div", "cg-edit-told");
    node.told.setAttribute("aria-live", "polite");
    node.told.tabIndex = -1;
    node.undo = button(say("edit_undo", { n: 0 }), () => turned("undo"));
    node.redo = button(say("edit_redo", { n: 0 }), () => turned("redo"));
    node.undo.disabled = node.redo.disabled = true;
    node.apply = button(say("edit_apply"), apply, "cg-edit-main");
    node.cancel = button(say("edit_cancel"), async () => leave());
    node.apply.hidden = node.cancel.hidden = true;
    node.does = {};
    const does = el("div", "cg-edit-does");
    for (const kind of ["join", "split", "move", "take_out", "put_back", "lock", "unlock", "replan"]) {
      const work = kind === "move" ? async () => {
        at.moving = true;
        node.hint.textContent = say("edit_hint_move");
        map.getContainer().focus();
      } : () => preview({ kind });
      does.append((node.does[kind] = button(say(`edit_${kind}`), work)));
    }
    const steps = el("div", "cg-edit-does");
    steps.append(node.undo, node.redo, button(say("edit_next"), next));
    const ends = el("div", "cg-edit-does");
    ends.append(node.apply, node.cancel);
    const picked = el("div", "cg-edit-picked");
    picked.append(node.selected, button(say("edit_clear"), async () => forget()));
    box.append(el("h2", "", say("edit_title")), steps, choice("what", ["parcels", "blocks"]), choice("how", ["point", "box", "lasso", "line"]),
      node.hint, picked, does, node.told, ends);
    return box;
  }

  /* The keys of every editor: undo, redo, and Escape to leave what is at hand. */
  function keys(event) {
    const key = event.key.toLowerCase();
    const command = event.ctrlKey || event.metaKey;
    if (/^(input|select|textarea)$/i.test(event.target.tagName)) return;
    if (command && key === "z" && !event.shiftKey) go(() => turned("undo"));
    else if (command && (key === "y" || (key === "z" && event.shiftKey))) go(() => turned("redo"));
    else if (key === "escape") forget();
    else return;
    event.preventDefault();
  }

  /* The page around the map names the unit that it looks at, and how often the draft was changed, in the hash. */
  const hash = () => new URLSearchParams(location.hash.slice(1));
  async function follow() {
    await redraw();
    const unit = hash().get("unit");
    if (unit === null || (at.unit && String(at.unit.field_unit) === unit)) {
      if (at.unit) await look(at.unit.field_unit);
      return;
    }
    at.parcels.clear();
    at.blocks.clear();
    await look(unit);
    const bounds = L.geoJSON(at.unit.shapes).getBounds();
    if (bounds.isValid()) map.fitBounds(bounds, FIT);
  }

  window.chigaiMap.ready.then(() => {
    map = window.chigaiMap.map;
    map.createPane("chigaiEdit").style.zIndex = 450;
    const layer = (style) => L.geoJSON(null, { style, pane: "chigaiEdit", interactive: false, renderer: L.svg({ pane: "chigaiEdit" }) }).addTo(map);
    over = layer(styleOf);
    chosen = layer(() => CHOSEN);
    would = layer(() => WOULD);
    pen = L.featureGroup([]).addTo(map);
    window.chigaiMap.panel(panel());
    window.chigaiMap.take(true);
    mark();
    map.on("click", (event) => go(() => clicked(event)));
    drawing();
    document.addEventListener("keydown", keys);
    window.addEventListener("hashchange", () => go(follow));
    go(follow);
    window.chigaiEdit = { at, go, select, preview };
  });
})();
