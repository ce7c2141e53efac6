/* How far the work is on a day: asks for the day's states, colours what is drawn, and moves through the season. */
(function () {
  "use strict";

  const { el, number, button, card, tell, style, look, fill } = window.chigaiLook;
  const STEP_MS = 220; // a day of the season goes by
  const FRAMES = 60; // days that a whole season is shown in
  const KEPT = 90;
  const DAY_MS = 86400000;
  let cfg, T, views;
  let day = null; // the day shown
  let now = null; // its states
  let wanted = null; // the day asked for last
  let playing = null;
  let busy = null;
  const known = new Map();
  let first;
  const begun = new Promise((done) => (first = done)); // the first day is there

  const at = (iso) => Date.parse(iso) / DAY_MS;
  const iso = (n) => new Date(n * DAY_MS).toISOString().slice(0, 10);
  const mu = (value) => (value === null || value === undefined ? "–" : `${number(value, value < 100 ? 1 : 0)} ${T.u_mu}`);
  const stateOf = (row) => (now ? cfg.codes[now.blocks[row]] : "planned") || "withdrawn";
  const siteState = (row) => (now ? cfg.codes[now.sites[row]] : "planned") || "withdrawn";
  const county = () => (views && views[0].select ? views[0].select.value : "");
  const faded = (p) => county() && p.county !== county();

  /* ---- looks and cards ---- */

  function painted(state, p, opacity, edge, weight) {
    const one = look("work", state);
    const gone = faded(p) ? 0.25 : 1;
    return {
      fillColor: one.h === "plain" ? one.c : fill(one.c, one.h),
      fillOpacity: opacity * gone,
      color: edge,
      weight,
      opacity: 0.9 * gone,
    };
  }
  style.work_sites = (p) => painted(siteState(p.row), p, 0.92, "#1f2a33", 1.2);

  /* What stands for each block of a tile: its state, and whether it is of the chosen county. */
  async function looks() {
    await begun;
    const others = county() ? await window.chigaiColour.counties() : null;
    const mine = cfg.grid.counties.indexOf(county());
    return (row) => stateOf(row) + (others && others[row] !== mine ? "~" : "");
  }

  function tilePainted(key, near) {
    const one = painted(key.replace("~", ""), { county: key.endsWith("~") ? "" : county() }, 0.88, "#4a5560", 0.7);
    return { ...one, fill: true, stroke: near, fillRule: "nonzero" };
  }

  /* The card of a block, from what the server tells of it. */
  function blockCard(p, changed) {
    const box = card(T.block, p.block_id || T.unnamed, [
      [T.work_state, look("work", stateOf(p.row)).t],
      [T.area, mu(p.area_mu)],
      [T.district, p.irrigation_district],
      [T.site, p.site_id],
    ]);
    const past = el("div", "cg-note cg-history", T.loading);
    box.append(past);
    window.chigaiCard.history(p.row, day).then(
      (nodes) => past.replaceChildren(...nodes),
      () => (past.textContent = T.failed)
    ).then(changed);
    return box;
  }

  tell.work_sites = (p) =>
    card(T.site, p.site_id || T.unnamed, [
      [T.work_state, look("work", siteState(p.row)).t],
      [T.share_done, now ? `${now.done[p.row]} %` : null],
      [T.area, mu(p.area_mu)],
      [T.blocks, number(p.n_blocks, 0)],
      [T.district, p.irrigation_district],
    ]);

  /* ---- the day ---- */

  async function states(asked) {
    const key = asked || "";
    if (known.has(key)) return known.get(key);
    if (busy) busy.abort();
    const mine = (busy = new AbortController());
    const answer = await fetch(cfg.states + (asked ? `?as_of=${asked}` : ""), { signal: mine.signal });
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    if (known.size >= KEPT) known.delete(known.keys().next().value);
    known.set(key, found);
    return found;
  }

  async function show(asked) {
    wanted = asked;
    mark("loading");
    try {
      const found = await states(asked);
      if (wanted !== asked) return;
      now = found;
      first();
      day = found.as_of;
      bounds();
      paint();
      mark("ready");
    } catch (error) {
      if (error.name === "AbortError") return;
      stop();
      bar.text.textContent = T.failed;
      mark("ready");
    }
  }

  function mark(state) {
    for (const view of views) {
      const marks = view.map.getContainer().dataset;
      marks.time = state;
      if (state === "ready" && day) marks.day = day;
    }
  }

  function paint() {
    for (const view of views) {
      for (const loader of view.loaders)
        loader.group.eachLayer((layer) => layer.setStyle && layer.setStyle((f) => style[loader.spec.kind](f.properties)));
      view.marked = null;
      view.painted.repaint();
      counties(view);
      view.zoomed();
    }
    bar.date.textContent = day;
    bar.text.replaceChildren(...summary());
    const areas = now.areas[county()] || {};
    cfg.amounts = Object.fromEntries(Object.entries(areas).map(([state, value]) => [state, mu(value)]));
    const states = (letters) => Object.keys(cfg.codes).filter((c) => letters.includes(c)).map((c) => cfg.codes[c]);
    cfg.seen = {
      blocks: states(now.blocks),
      sites: states(now.sites),
      counties: Object.values(now.counties).map((c) => c.state),
    };
    for (const view of views) window.chigaiLegend.draw(view);
  }

  /* Where the chosen county, or every one, stands: in the words that the page uses. */
  function summary() {
    const one = now.counties[county()];
    if (one) {
      const reached = [look("progress", one.state).t, one.floor_mu === null ? "" : `${T.counted} ${mu(one.counted_mu)}`];
      if (one.missed_cutoff) reached.push(T.silent);
      return [el("span", "", reached.filter(Boolean).join(" · "))];
    }
    const counts = {};
    for (const c of Object.values(now.counties)) counts[c.state] = (counts[c.state] || 0) + 1;
    return Object.keys(cfg.looks.progress)
      .filter((state) => counts[state] && state !== "no_target")
      .map((state) => el("span", "", `${look("progress", state).t} ${counts[state]}`));
  }

  function counties(view) {
    if (!view.counties) return;
    view.counties.eachLayer((shape) => {
      const p = shape.feature.properties;
      const one = now.counties[p.code];
      p.state = one ? one.state : "no_target";
      const range = one && one.floor_mu !== null ? `${number(one.floor_mu, 0)}–${number(one.ceiling_mu, 0)} ${T.u_mu}` : T.no_target;
      p.facts = one
        ? [
            [T.state, look("progress", one.state).t + (one.missed_cutoff ? ` · ${T.silent}` : "")],
            [T.target, range],
            [T.counted, mu(one.counted_mu)],
            [T.forecast, one.forecast_low_mu === null || one.ahead_mu !== null ? null : `${number(one.forecast_low_mu, 0)}–${number(one.forecast_high_mu, 0)} ${T.u_mu}`],
            [T.deadline, one.deadline],
            [T.last, one.last_report],
          ]
        : [];
      const swatch = shape.getTooltip() && shape.getTooltip().getContent().querySelector(".cg-swatch");
      if (swatch) {
        swatch.className = `cg-swatch cg-${look("progress", p.state).h}`;
        swatch.style.setProperty("--c", look("progress", p.state).c);
      }
    });
  }

  /* ---- the bar at the foot of the map ---- */

  const bar = {};

  function build(view) {
    bar.box = el("div", "cg-time");
    bar.play = button("▶", () => (playing ? stop() : play()));
    bar.play.className = "cg-play";
    bar.play.setAttribute("aria-label", T.play);
    bar.range = el("input");
    bar.range.type = "range";
    bar.range.setAttribute("aria-label", T.day);
    bar.range.disabled = true;
    bar.range.addEventListener("input", () => {
      stop();
      ask(iso(Number(bar.range.value)));
    });
    bar.date = el("output", "cg-day", "");
    bar.text = el("div", "cg-sum");
    const words = el("div", "cg-words");
    words.append(bar.date, bar.text);
    bar.box.append(bar.play, bar.range, words);
    L.DomEvent.disableClickPropagation(bar.box);
    L.DomEvent.disableScrollPropagation(bar.box);
    view.map.getContainer().append(bar.box);
    document.body.classList.add("cg-timed");
    // what stands at the foot of the map stands above the bar, however many lines it takes
    new ResizeObserver(() => document.body.style.setProperty("--cg-time", `${bar.box.offsetHeight}px`)).observe(bar.box);
  }

  function bounds() {
    bar.range.min = at(now.first);
    bar.range.max = at(now.last);
    const to = wanted === null ? at(day) : at(wanted);
    if (document.activeElement !== bar.range || playing) bar.range.value = to;
    bar.range.setAttribute("aria-valuetext", day);
    bar.range.disabled = false;
  }

  let timer;
  function ask(asked) {
    bar.date.textContent = asked;
    wanted = asked;
    clearTimeout(timer);
    timer = setTimeout(() => show(asked), known.has(asked) ? 0 : 90);
  }

  async function play() {
    if (!now) return;
    const mine = (playing = {});
    bar.play.textContent = "❚❚";
    bar.play.setAttribute("aria-label", T.pause);
    const [low, high] = [at(now.first), at(now.last)];
    let to = Number(bar.range.value) >= high ? low : Number(bar.range.value);
    const step = Math.max(1, Math.round((high - low) / FRAMES));
    while (playing === mine && to < high) {
      to = Math.min(to + step, high);
      const pause = new Promise((done) => setTimeout(done, STEP_MS));
      await show(iso(to));
      await pause;
    }
    if (playing === mine) stop();
  }

  function stop() {
    playing = null;
    if (!bar.play) return;
    bar.play.textContent = "▶";
    bar.play.setAttribute("aria-label", T.play);
  }

  /* #day=2021-11-15 in the address, where the page around the map says it. */
  function follow() {
    const asked = new URLSearchParams(location.hash.slice(1)).get("day");
    stop();
    show(/^\d{4}-\d{2}-\d{2}$/.test(asked || "") ? asked : null);
  }

  function start(given, config) {
    views = given;
    cfg = config;
    T = cfg.text;
    build(views[0]);
    if (views[0].select) views[0].select.addEventListener("change", () => now && paint());
    window.addEventListener("hashchange", follow);
    follow();
  }

  window.chigaiTime = { start, looks, painted: tilePainted, card: blockCard, inView: () => cfg.seen.blocks };
})();
