/* What a map looks like and what a click tells: colours, hatches, figures, and cards made of text nodes only. */
(function () {
  "use strict";

  const HATCH_SIZE = 8; // a part of a tile's side, so that hatches meet where tiles do
  let cfg, T, F;

  /* ---- small helpers ---- */

  function el(tag, className, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined && text !== null) node.textContent = String(text);
    return node;
  }
  const say = (key, values) => T[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const number = (value, digits) =>
    value === null || value === undefined
      ? "–"
      : value.toLocaleString(F, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const unit = (value, digits, word) =>
    value === null || value === undefined ? "–" : `${number(value, digits)} ${T[word]}`.trim();
  const area = (value) => unit(value, value !== null && value >= 1000 ? 0 : 2, "u_mu");
  const yuan = (value) =>
    value !== null && value !== undefined && F === "zh-CN" && Math.abs(value) >= 10000
      ? unit(value / 10000, 2, "u_wan")
      : unit(value, 0, "u_yuan");
  const look = (book, key) => cfg.looks[book][key] || { c: "#777777", h: "plain", t: key === null ? "" : key };

  /* A hatch as a canvas pattern: states stay apart in grey and for every kind of eye. */
  const hatches = {};
  function fill(colour, hatch) {
    if (hatch === "plain") return colour;
    if (hatch === "empty") return "rgba(255,255,255,0.6)";
    const key = colour + hatch;
    if (!hatches[key]) {
      const tile = document.createElement("canvas");
      tile.width = tile.height = HATCH_SIZE;
      const pen = tile.getContext("2d");
      pen.globalAlpha = 0.45;
      pen.fillStyle = colour;
      pen.fillRect(0, 0, HATCH_SIZE, HATCH_SIZE);
      pen.globalAlpha = 1;
      pen.strokeStyle = colour;
      pen.lineWidth = 1.6;
      const n = HATCH_SIZE;
      const lines = [[0, n, n, 0], [-1, 1, 1, -1], [n - 1, n + 1, n + 1, n - 1]];
      if (hatch === "cross") lines.push([0, 0, n, n], [-1, n - 1, 1, n + 1], [n - 1, -1, n + 1, 1]);
      pen.beginPath();
      for (const [x0, y0, x1, y1] of lines) {
        pen.moveTo(x0, y0);
        pen.lineTo(x1, y1);
      }
      pen.stroke();
      hatches[key] = pen.createPattern(tile, "repeat");
    }
    return hatches[key];
  }

  /* ---- what a click tells: nodes with text only ---- */

  function card(kind, name, pairs, note) {
    const box = el("div", "cg-card");
    const head = el("div", "cg-head");
    head.append(el("span", "cg-kind", kind), el("span", "cg-name", name));
    box.append(head);
    const list = el("dl");
    for (const [label, value] of pairs) {
      if (value === null || value === undefined || value === "") continue;
      list.append(el("dt", "", label), el("dd", "", value));
    }
    box.append(list);
    if (note) box.append(note);
    return box;
  }

  function button(text, action) {
    const node = el("button", "cg-button", text);
    node.type = "button";
    node.addEventListener("click", action);
    return node;
  }

  const named = (id) => (id === null || id === undefined || id === "" ? T.unnamed : id);

  const tell = {
    sites: (p) =>
      card(T.site, named(p.site_id), [
        [T.state, look("blocks", p.state).t],
        [T.area, area(p.area_mu)],
        [T.blocks, unit(p.n_blocks, 0, "u_count")],
        [T.cost, yuan(p.cost_yuan)],
        [T.district, p.irrigation_district],
      ]),
    barriers: (p) => card(T.barrier, look("barriers", p.kind).t, []),
    upload: (p) => card(T.parcel, named(p.parcel_id), [[T.area, area(p.area_mu)]]),
    findings: (p) =>
      card(T.finding, look("findings", p.severity).t, [
        [T.what, F === "zh-CN" ? p.zh : p.en],
        [T.action, T[p.action] || p.action],
        [T.parcel, p.parcel_id],
        [T.row, p.row === null ? null : number(p.row, 0)],
        [T.area, p.area_mu ? area(p.area_mu) : null],
      ]),
  };

  /* ---- how each layer is drawn ---- */

  const solid = (colour, opacity, edge) => ({
    fillColor: colour,
    fillOpacity: opacity,
    color: edge || "#33414d",
    weight: 0.8,
    opacity: 0.9,
  });
  const style = {
    upload: () => solid("#DDE5EA", 0.55, "#9aa7b1"),
    findings: (p) => ({ ...solid(look("findings", p.severity).c, 0.55), weight: 2, color: look("findings", p.severity).c }),
    sites: (p) => ({ ...solid(look("blocks", p.state).c, 0.85, "#ffffff"), weight: 1.5 }),
  };
  const siteRadius = (p) => Math.max(5, Math.min(18, 4 + Math.sqrt(p.area_mu) / 8));

  function setUp(config) {
    cfg = config;
    T = cfg.text;
    F = cfg.lang;
  }

  window.chigaiLook = { setUp, el, say, number, button, card, tell, style, siteRadius, look, fill };
})();
