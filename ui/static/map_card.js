/* What a click tells of a block or a parcel: figures, how far the work is, what was reported, and why it is so. */
(function () {
  "use strict";

  const { el, number, button, card, look } = window.chigaiLook;
  let cfg, T;

  const unit = (value, digits, word) => (value === null || value === undefined ? null : `${number(value, digits)} ${T[word]}`.trim());
  const area = (value) => unit(value, value !== null && value >= 1000 ? 0 : 2, "u_mu");
  const yuan = (value) =>
    value !== null && value !== undefined && cfg.lang === "zh-CN" && Math.abs(value) >= 10000
      ? unit(value / 10000, 2, "u_wan")
      : unit(value, 0, "u_yuan");
  const named = (id) => (id === null || id === undefined || id === "" ? T.unnamed : id);
  const range = (low, high) => (low === null || high === null ? null : low === high ? unit(low, 2, "u_m") : `${number(low, 2)}–${number(high, 2)} ${T.u_m}`);

  /* What lies beside a block; nothing where the data draw no such thing. */
  const sides = (p) =>
    ["inlet", "outlet", "access"]
      .filter((side) => p["has_" + side] === true || p["has_" + side] === false)
      .map((side) => T[(p["has_" + side] ? "has_" : "no_") + side])
      .join(T.comma);

  async function json(path) {
    const answer = await fetch(cfg.grid.base + path);
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  /* What is known of a block or parcel; by its number, or a block by its id. */
  const facts = (layer, n) => json(`card.json?${layer === "blocks" ? "block" : "parcel"}=${encodeURIComponent(n)}`);
  const factsOf = (id) => json(`card.json?id=${encodeURIComponent(id)}`);

  /* Something that is asked for only once it is opened. */
  function fold(title, fill, changed) {
    const box = el("details", "cg-fold");
    const inside = el("div", "cg-folded", T.loading);
    box.append(el("summary", "", title), inside);
    let asked = false;
    box.addEventListener("toggle", async () => {
      if (asked || !box.open) return changed();
      asked = true;
      try {
        inside.replaceChildren(...(await fill()));
      } catch {
        asked = false;
        inside.textContent = T.failed;
      }
      changed();
    });
    return box;
  }

  function figure(event) {
    if (event.kind === "checked") return [event.passed ? T.passed : T.not_passed, event.reason].filter(Boolean).join(cfg.lang === "en" ? ": " : "：");
    const value = event.done_mu === undefined ? event.measured_mu : event.done_mu;
    if (value !== undefined) return unit(value, value < 100 ? 1 : 0, "u_mu");
    return event.kind === "correction" && event.passed === undefined && !event.reason ? T.void : event.reason || "";
  }

  /* What was reported of a block up to a day, as nodes. */
  async function history(n, day) {
    const { events } = await json(`history.json?row=${encodeURIComponent(n)}${day ? "&as_of=" + day : ""}`);
    if (!events) return [T.history_closed];
    if (!events.length) return [T.history_none];
    const list = el("ol", "cg-events");
    for (const event of events) {
      const item = el("li");
      item.append(el("time", "", event.day), el("b", "", T[event.kind] || ""), el("span", "", figure(event)));
      list.append(item);
    }
    return [list];
  }

  const sentence = (told) => (cfg.lang === "zh-CN" ? told.zh : told.en);

  async function why(n) {
    const told = await json(`why.json?block=${encodeURIComponent(n)}`);
    const nodes = [];
    const list = el("ul", "cg-why");
    for (const rule of told.rules) list.append(el("li", rule.binds ? "cg-binds" : "", sentence(rule)));
    nodes.push(list);
    if (told.next_best && told.next_best.length) {
      nodes.push(el("div", "cg-part", T.next_best));
      const other = el("ul", "cg-why");
      for (const change of told.next_best) other.append(el("li", "", sentence(change)));
      nodes.push(other);
    }
    return nodes;
  }

  function block(p, more) {
    const cut = p.earthwork === false ? null : p.cut_m3;
    const haul = p.haul_m3m && p.cut_m3 ? `${number(p.haul_m3m / p.cut_m3, 0)} ${T.u_m}` : null;
    const node = card(T.block, named(p.block_id), [
      [T.state, look("blocks", p.state).t],
      [T.work_state, p.work ? look("work", p.work).t : null],
      [T.area, area(p.area_mu)],
      [T.least, area(p.minimum_mu)],
      [T.parcels_joined, unit(p.n_parcels, 0, "u_count")],
      [T.households, p.n_operators ? unit(p.n_operators, 0, "u_house") : null],
      [T.levels, range(p.elevation_min_m, p.elevation_max_m)],
      [T.design_level, unit(p.design_level_m, 2, "u_m")],
      [T.cut, unit(cut, 0, "u_m3")],
      [T.fill, p.earthwork === false ? null : unit(p.fill_m3, 0, "u_m3")],
      [T.haul, p.earthwork === false ? null : haul],
      [T.cost, yuan(p.cost_yuan)],
      [T.gained, unit(p.gained_mu, 2, "u_mu")],
      [T.sides, sides(p)],
      [T.district, p.irrigation_district],
      [T.site, p.site_id],
    ]);
    node.append(fold(T.why_so, () => why(p.row), more.changed));
    node.append(fold(T.history, () => history(p.row, null), more.changed));
    if (cfg.why) {
      const link = el("a", "cg-button", T.why_page);
      Object.assign(link, { href: cfg.why + encodeURIComponent(p.block_id), target: "_blank", rel: "noopener" });
      node.append(link);
    }
    if (more.parcel) node.append(button(T.parcel_here, more.parcel));
    return node;
  }

  function parcel(p, more) {
    const node = card(T.parcel, named(p.parcel_id), [
      [T.area, area(p.area_mu)],
      [T.state, look("parcels", p.size).t],
      [T.elevation, unit(p.elevation_m, 2, "u_m")],
      [T.design_level, unit(p.design_level_m, 2, "u_m")],
      [T.reason, p.reason ? look("why", p.reason).t : T.in_good_block],
      [T.in_block, p.block_id],
      [T.village, [p.township, p.village].filter(Boolean).join(" ")],
      [T.district, p.irrigation_district],
    ]);
    if (p.block !== null && p.block !== undefined && more.block) node.append(button(T.block_of, () => more.block(p.block)));
    return node;
  }

  const percent = (value) => (value === null || value === undefined ? null : `${number(value, 1)} %`);
  const township = (p) =>
    card(T.township, named(p.name), [
      [T.parcels_area, area(p.area_mu)],
      [T.parcel, unit(p.parcels, 0, "u_count")],
      [T.share_joined, percent(p.state)],
      [T.share_sites, percent(p.site)],
      [T.blocks, number(p.blocks, 0)],
      [T.mean_size, unit(p.size, 1, "u_mu")],
      [T.mean_cut, unit(p.cut, 1, "u_m3_mu")],
      [T.mean_operators, unit(p.operators, 1, "u_house")],
    ]);

  function setUp(config) {
    cfg = config;
    T = cfg.text;
  }

  window.chigaiCard = { setUp, facts, factsOf, block, parcel, township, history };
})();
