/* Fills a map page: counties, sites and findings in view on one canvas; the plan's tiles; controls, legend, messages. */
(function () {
  "use strict";

  const { setUp, el, say, number, button, card, tell, style, siteRadius, look, fill } = window.chigaiLook;
  const place = window.chigaiPlace;
  const legend = window.chigaiLegend;
  const FINE = 13;
  const NARROW = 560;
  const MARKED = 3.5;
  const WORD_MS = 5000;
  const views = [];
  let cfg, T;

  /* A county is coloured by its target in the plan, or in the fields. */
  const book = () => (cfg.kind === "work" ? "progress" : "targets");

  /* ---- one layer of one map: asks for the box in view, keeps it while it suffices ---- */

  class Loader {
    constructor(view, key, spec) {
      Object.assign(this, { view, key, spec, group: view.groups[key], have: null, busy: null, data: null });
    }

    wanted() {
      const zoom = this.view.map.getZoom();
      return (
        this.view.map.hasLayer(this.group) &&
        zoom >= (this.spec.from || 0) &&
        zoom <= (this.spec.to === undefined ? 99 : this.spec.to)
      );
    }

    async refresh() {
      const map = this.view.map;
      if (!this.wanted()) {
        this.clear();
        return;
      }
      const zoom = map.getZoom();
      const seen = map.getBounds();
      if (this.have && this.have.box.contains(seen) && (this.have.whole || this.have.zoom >= zoom) && this.have.zoom >= zoom - 2)
        return;
      const box = seen.pad(0.25);
      this.stop();
      const ask = (this.busy = new AbortController());
      this.view.report();
      try {
        const bbox = [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()];
        const url = `${this.spec.url}bbox=${bbox.map((v) => v.toFixed(6)).join(",")}&zoom=${Math.floor(zoom)}&limit=${cfg.limit}`;
        const answer = await fetch(url, { signal: ask.signal });
        if (!answer.ok) throw new Error(String(answer.status));
        this.draw(await answer.json());
        this.have = { box, zoom, whole: this.data.total === this.data.shown };
        this.failed = false;
      } catch (error) {
        if (error.name === "AbortError") return;
        this.failed = true;
      }
      if (this.busy === ask) this.busy = null;
      legend.draw(this.view);
      this.view.report();
    }

    draw(data) {
      const kind = this.spec.kind;
      this.data = { total: data.total, shown: data.shown };
      // what is drawn last lies on top: small shapes over large ones, but the worst finding over the others
      if (kind === "findings") data.features.reverse();
      const layer = L.geoJSON(data, {
        style: (f) => style[kind](f.properties),
        pointToLayer: (f, at) => L.circleMarker(at, { radius: kind.endsWith("sites") ? siteRadius(f.properties) : 3.5 }),
        onEachFeature: (f, shape) => shape.on("click", (event) => this.clicked(event, f.properties, shape)),
      });
      this.group.clearLayers();
      this.group.addLayer(layer);
      this.view.order();
    }

    clicked(event, properties, shape) {
      L.DomEvent.stopPropagation(event);
      const node = tell[this.spec.kind](properties);
      const map = this.view.map;
      if (this.spec.kind.endsWith("sites"))
        node.append(button(T.zoom_here, () => {
            this.view.unpop();
            map.setView(event.latlng, this.spec.to + 2);
          }));
      this.view.popup(event.latlng, node);
      this.view.mark(shape);
    }

    stop() {
      if (this.busy) this.busy.abort();
      this.busy = null;
    }

    clear() {
      this.stop();
      if (this.data) this.group.clearLayers();
      this.have = this.data = null;
      this.failed = false;
    }
  }

  /* ---- one map ---- */

  class View {
    constructor(given, first) {
      Object.assign(this, given, { cfg });
      const map = this.map;
      map.attributionControl.setPrefix(false);
      map.options.renderer = L.canvas({ padding: 0.3, tolerance: 4 });
      // a click gives the map the keyboard; the page around it is not to jump for that
      map.getContainer().focus = function () {
        HTMLElement.prototype.focus.call(this, { preventScroll: true });
      };
      this.byKeys();
      if (map.zoomControl) this.label(map.zoomControl);
      L.control.scale({ imperial: false, maxWidth: 120 }).addTo(map);
      this.status = el("div", "cg-status");
      this.status.setAttribute("role", "status");
      map.getContainer().append(this.status);
      if (this.title) map.getContainer().append(el("div", "cg-title", this.title));
      this.addFootprint();
      if (cfg.counties) this.addCounties();
      this.loaders = Object.entries(cfg.layers).map(([key, spec]) => new Loader(this, key, spec));
      if (first) place.bar(this);
      if (cfg.grid) {
        if (first) window.chigaiFind.search(this);
        if (first && cfg.kind === "plan") window.chigaiColour.control(this);
        if (first) window.chigaiFind.tools(this);
        this.painted = new window.chigaiPlan.Painted(this);
      }
      legend.add(this);
      let timer;
      const later = () => {
        clearTimeout(timer);
        timer = setTimeout(() => this.refresh(), 120);
      };
      map.on("moveend layeradd layerremove", (event) => {
        if (event.type === "moveend" || Object.values(this.groups).includes(event.layer)) later();
      });
      map.on("zoomend", () => this.zoomed());
      map.on("click", (event) => {
        this.unpop();
        if (this.painted && this.near()) this.painted.clicked(event.latlng);
      });
      map.on("popupclose", () => {
        this.unmark();
        if (this.painted) this.painted.mark("card", null, []);
        window.chigaiAddress.card(null);
      });
      this.zoomed();
    }

    /* Leaflet moves and zooms by keys; Enter clicks where the cross stands, in the middle. */
    byKeys() {
      const stage = this.map.getContainer();
      stage.setAttribute("role", "application");
      stage.setAttribute("aria-label", [this.title, T.by_keys].filter(Boolean).join(" · "));
      stage.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.target !== stage) return;
        event.preventDefault();
        const box = stage.getBoundingClientRect();
        const [clientX, clientY] = [box.x + box.width / 2, box.y + box.height / 2];
        const under = document.elementFromPoint(clientX, clientY);
        if (stage.contains(under)) under.dispatchEvent(new MouseEvent("click", { bubbles: true, view: window, clientX, clientY }));
      });
    }

    label(zoom) {
      for (const [node, text] of [[zoom._zoomInButton, T.zoom_in], [zoom._zoomOutButton, T.zoom_out]]) {
        node.title = text;
        node.setAttribute("aria-label", text);
      }
    }

    /* Beside the place where there is room, else as a sheet at the foot of the map. */
    popup(at, node) {
      this.unpop();
      const map = this.map;
      if (map.getContainer().clientWidth >= NARROW) {
        this.card = L.popup({ maxWidth: 300, minWidth: 200, maxHeight: map.getSize().y - 60, autoPanPadding: [16, 16] });
        this.card.setLatLng(at).setContent(node).openOn(map);
        return;
      }
      this.sheet = el("div", "cg-sheet");
      const close = button("×", () => this.unpop());
      close.className = "cg-close";
      close.setAttribute("aria-label", T.close);
      this.sheet.append(close, node);
      L.DomEvent.disableClickPropagation(this.sheet);
      L.DomEvent.disableScrollPropagation(this.sheet);
      map.getContainer().append(this.sheet);
      const point = map.latLngToContainerPoint(at);
      const free = map.getSize().y - this.sheet.offsetHeight;
      if (point.y > free - 20) map.panBy([0, point.y - free / 2]);
    }

    /* The shape that the card speaks of. */
    mark(shape) {
      this.unmark();
      const { color, weight, opacity } = shape.options;
      this.marked = shape;
      this.plain = { color, weight, opacity };
      shape.setStyle({ color: "#111a21", weight: MARKED, opacity: 1 });
      shape.bringToFront();
    }

    unmark() {
      if (!this.marked) return;
      this.marked.setStyle(this.plain);
      this.marked = null;
      this.order();
    }

    unpop() {
      this.unmark();
      if (this.painted) this.painted.mark("card", null, []);
      this.map.closePopup();
      if (this.sheet) this.sheet.remove();
      this.sheet = null;
      window.chigaiAddress.card(null);
    }

    addFootprint() {
      if (!cfg.footprint.geometry) return;
      this.footprint = L.geoJSON(cfg.footprint, {
        interactive: false,
        style: { stroke: false, fillColor: look("footprint", "footprint").c, fillOpacity: 0.45 },
      }).addTo(this.groups.footprint);
    }

    addCounties() {
      this.counties = L.geoJSON(cfg.counties, {
        interactive: cfg.kind !== "upload",
        onEachFeature: (f, shape) => {
          const p = f.properties;
          shape.on("click", (event) => {
            if (this.near() || (this.painted && this.painted.far())) return;
            L.DomEvent.stopPropagation(event);
            const node = card(T.county, p.name, p.facts);
            if (cfg.places.some((one) => one.code === p.code && one.box))
              node.append(button(T.zoom_here, () => place.go(p.code)));
            this.popup(event.latlng, node);
          });
          const tag = el("div", "cg-county");
          if (p.state) {
            const swatch = el("span", `cg-swatch cg-${look(book(), p.state).h}`);
            swatch.style.setProperty("--c", look(book(), p.state).c);
            tag.append(swatch);
          }
          tag.append(el("span", "", p.name));
          shape.bindTooltip(tag, { permanent: true, direction: "center", className: "cg-label", interactive: false });
        },
      }).addTo(this.groups.counties);
    }

    near() {
      return this.map.getZoom() >= cfg.near;
    }

    zoomed() {
      const townships = Boolean(this.painted) && this.painted.far();
      // a coarse grid, for the far view alone
      this.coarse = Boolean(this.footprint) && !townships && this.map.getZoom() < (cfg.grid ? cfg.near : FINE);
      if (this.footprint) this.footprint.setStyle({ fill: this.coarse });
      if (this.painted) this.painted.dress();
      if (this.counties) {
        const near = this.near() || townships;
        this.counties.setStyle((f) => ({
          fill: !near && Boolean(f.properties.state),
          fillColor: fill(look(book(), f.properties.state).c, look(book(), f.properties.state).h),
          fillOpacity: cfg.kind === "work" ? 0.4 : 0.5,
          color: "#3d4a55",
          weight: near ? 1.5 : 1.2,
          opacity: 0.85,
        }));
        // a name is shown where it fits, not over its neighbours
        this.counties.eachLayer((shape) => {
          const b = shape.getBounds();
          const wide = this.map.project(b.getNorthEast()).x - this.map.project(b.getSouthWest()).x;
          if (!near && wide > 64) shape.openTooltip();
          else shape.closeTooltip();
        });
      }
      legend.draw(this);
    }

    /* Below: where the paddies lie, and the counties. On top: what may be clicked. */
    order() {
      for (const key of ["townships", "upload", "sites", "work_sites", "findings"]) {
        const group = this.groups[key];
        if (group && this.map.hasLayer(group)) group.bringToFront();
      }
    }

    refresh() {
      for (const loader of this.loaders) loader.refresh();
      legend.draw(this);
      this.report();
    }

    /* A word that goes by itself. */
    tell(text) {
      this.word = text;
      this.report();
      clearTimeout(this.wordTimer);
      this.wordTimer = setTimeout(() => {
        this.word = "";
        this.report();
      }, WORD_MS);
    }

    /* One line on what is missing from the picture, and a mark of what is drawn. */
    report() {
      const zoom = this.map.getZoom();
      const tiled = this.painted;
      const loading = this.loaders.some((l) => l.busy) || Boolean(tiled && tiled.busy());
      let text = "";
      if (this.word) text = this.word;
      else if (loading) text = T.loading;
      else if (this.loaders.some((l) => l.failed) || (tiled && tiled.failed())) text = T.failed;
      else {
        const cut = this.loaders.find((l) => l.data && l.data.shown < l.data.total && l.wanted());
        const hidden = Object.entries((cfg.grid || {}).layers || {}).find(
          ([key, spec]) => spec.hint && zoom < spec.from && this.map.hasLayer(this.groups[key])
        );
        if (cut)
          text = say(cut.key === "findings" ? "capped_worst" : "capped", {
            total: number(cut.data.total, 0),
            shown: number(cut.data.shown, 0),
          });
        else if (cfg.none) text = T.nothing;
        else if (cfg.making) text = cfg.making;
        else if (hidden) text = T[hidden[1].hint];
      }
      this.status.textContent = text;
      this.status.classList.toggle("cg-busy", loading);
      this.status.hidden = !text;
      const marks = this.map.getContainer().dataset;
      for (const loader of this.loaders) marks[loader.key] = loader.data ? loader.data.shown : 0;
      if (tiled) for (const key of Object.keys(cfg.grid.layers)) marks[key] = tiled.inView(key).count;
      marks.state = loading ? "loading" : "ready";
    }
  }

  function start(config, given) {
    cfg = config;
    cfg.seen = { blocks: [], sites: [], counties: [] };
    T = cfg.text;
    for (const part of [{ setUp }, place, window.chigaiTiles, window.chigaiColour, window.chigaiCard, window.chigaiFind, window.chigaiPlan]) part.setUp(cfg);
    document.title = [cfg.title, "chigai"].filter(Boolean).join(" · ");
    if (given.length > 1) document.body.classList.add("cg-two");
    for (const one of given) one.map.invalidateSize({ animate: false });
    given.forEach((one, i) => views.push(new View(one, i === 0)));
    document.querySelectorAll(".leaflet-control-layers-toggle").forEach((node) => {
      node.title = T.layers;
      node.setAttribute("aria-label", T.layers);
    });
    const came = place.start(views);
    if (cfg.grid) {
      window.chigaiPlan.start(views, came);
      window.chigaiHooks.start(views, cfg);
    }
    if (cfg.kind === "work") window.chigaiTime.start(views, cfg);
    for (const view of views) view.refresh();
  }

  window.chigai = { start, views };
})();
