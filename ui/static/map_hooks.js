/* Where other scripts hang onto a plan's map: window.chigaiMap. Numbers are rows of the plan's tables, layers are
   "blocks" and "parcels"; of two maps side by side, the second (after) is meant.

   chigaiMap.ready                       a promise: the maps are there
   chigaiMap.map, chigaiMap.maps         the Leaflet map; all of them
   chigaiMap.config                      what the page was drawn with: config.grid.base is the plan's address for data
   chigaiMap.onClick(fn)                 fn({layer, number, name, at, facts}) for each click on a block or parcel: `at` is its
                                         L.LatLng, `facts` what the card tells; if fn returns true, no card opens.
                                         Returns a function that ends it.
   chigaiMap.take(on)                    while on, clicks open no card at all, whatever fn returns
   chigaiMap.highlight(name, layer, numbers, style)
                                         marks shapes under a name of the caller's (another call replaces it, [] ends
                                         it); style as of an L.Path. Drawn from the tiles: any number of shapes.
   chigaiMap.within(layer, area)         a promise of {numbers, more}: what lies in an L.LatLngBounds or in a ring of
                                         L.LatLngs, as the server finds it; more: there are others beyond its limit
   chigaiMap.shapes(layer, numbers)      a promise of GeoJSON of up to some hundred shapes, in the map's degrees
   chigaiMap.facts(layer, number)        a promise of what the card tells
   chigaiMap.show(layer, number)         moves there and opens the card
   chigaiMap.refresh()                   colours that change without the plan (states of work) are asked for anew;
   chigaiMap.reload(version)             other tiles: the plan itself has changed
   chigaiMap.panel(node)                 stands `node` beside the map (below it on a phone); null takes it away */
(function () {
  "use strict";

  const { el } = window.chigaiLook;
  const listeners = new Set();
  let cfg, done;
  let views = [];
  let taking = false;
  const last = () => views[views.length - 1];

  async function json(path) {
    const answer = await fetch(cfg.grid.base + path);
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  const round = (at) => `${at.lng.toFixed(7)},${at.lat.toFixed(7)}`;

  const chigaiMap = {
    ready: new Promise((resolve) => (done = resolve)),

    onClick(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    take(on) {
      taking = Boolean(on);
      for (const view of views) view.unpop();
    },

    highlight: (name, layer, numbers, style) => Promise.all(views.map((view) => view.painted.mark(name, layer, numbers, style))),

    within(layer, area) {
      const ring = Array.isArray(area)
        ? area
        : [area.getSouthWest(), area.getSouthEast(), area.getNorthEast(), area.getNorthWest()];
      return json(`within.json?layer=${layer}&ring=${ring.map(round).join(",")}`);
    },

    shapes: (layer, numbers) => json(`shapes.json?layer=${layer}&rows=${numbers.join(",")}`),

    facts: (layer, number) => window.chigaiCard.facts(layer, number),

    async show(layer, number) {
      last().painted.go(layer, await chigaiMap.facts(layer, number));
    },

    refresh: () => window.chigaiColour.refresh(),

    reload(version) {
      window.chigaiColour.refresh(true);
      for (const view of views)
        for (const grid of [view.painted.grid, view.painted.over]) grid.setUrl(grid._url.replace(/\?v=.*$/, `?v=${encodeURIComponent(version)}`));
    },

    panel(node) {
      document.querySelectorAll(".cg-panel").forEach((old) => old.remove());
      document.body.classList.toggle("cg-beside", Boolean(node));
      if (node) {
        const box = el("aside", "cg-panel");
        box.append(node);
        document.body.append(box);
      }
      for (const view of views) view.map.invalidateSize({ animate: false });
    },
  };

  /* Whether a listener has taken the click. */
  function told(click) {
    let taken = taking;
    for (const each of listeners) taken = each(click) === true || taken;
    return taken;
  }

  function start(given, config) {
    views = given;
    cfg = config;
    Object.assign(chigaiMap, { map: last().map, maps: views.map((view) => view.map), config });
    done(chigaiMap);
  }

  window.chigaiMap = chigaiMap;
  window.chigaiHooks = { start, told, taking: () => taking };
})();
