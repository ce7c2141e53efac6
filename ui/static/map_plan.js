/* A plan on one map: what is drawn of its tiles, what is found under a click, what is marked; and the townships. */
(function () {
  "use strict";

  const { el, say, number, button, look, tell } = window.chigaiLook;
  const tiles = window.chigaiTiles;
  const colour = window.chigaiColour;
  const cards = window.chigaiCard;
  const EDGES_FROM = 14; // nearer than this, a shape's edge is drawn
  const ASK_MS = 3000;
  const MARK = { fill: true, fillColor: "#ffffff", fillOpacity: 0.12, color: "#111a21", weight: 3.5, opacity: 1 };
  let cfg, T;

  const area = (c, opacity, edge, near, weight = 0.8) => ({
    fill: true, fillColor: c, fillOpacity: opacity, fillRule: "nonzero",
    stroke: near, color: edge, weight, opacity: 0.9,
  });

  class Painted {
    constructor(view) {
      this.view = view;
      this.seen = new Map(); // of each tile: the looks and how many shapes of each layer
      this.marks = new Map();
      const grid = (this.grid = tiles.dress(view.grid, (...asked) => this.looks(...asked)));
      this.over = tiles.dress(L.vectorGrid.protobuf(grid._url, { ...tiles.options(), zIndex: 6 }), (layers, part) => this.marked(layers, part));
      this.over.addTo(view.map);
      grid.on("tileunload", ({ coords }) => this.seen.delete(`${coords.z}/${coords.x}/${coords.y}`));
      grid.on("loading load repainted", () => {
        view.report();
        window.chigaiLegend.draw(view);
      });
      view.map.on("layeradd layerremove", ({ layer }) => {
        if (Object.keys(cfg.grid.layers).some((key) => view.groups[key] === layer)) this.repaint();
        if (layer.options && /^cg-picture/.test(layer.options.className || "")) this.lighten();
      });
      this.lighten();
    }

    /* Over a picture of the ground the plan is drawn so that both are seen. */
    lighten() {
      let pictures = false;
      this.view.map.eachLayer((layer) => (pictures = pictures || /^cg-picture/.test((layer.options || {}).className || "")));
      this.grid.setOpacity(pictures ? 0.62 : 1);
    }

    on(key, zoom) {
      const spec = cfg.grid.layers[key];
      return Boolean(spec) && zoom >= spec.from && this.view.map.hasLayer(this.view.groups[key]);
    }

    async looks(layers, part, coords) {
      const zoom = coords.z;
      const near = zoom >= EDGES_FROM;
      const out = {}, seen = {};
      const put = (key, layer, groups, style) => {
        if (!groups.size) return;
        out[key] = tiles.drawn(layer, part, groups, style);
        seen[key] = { keys: [...groups.keys()], count: [...groups.values()].reduce((sum, which) => sum + which.length, 0) };
      };
      const { parcels, blocks } = layers;
      const wanted = ["parcels", "rest", "seams", "why"].filter((key) => this.on(key, zoom));
      const byte = parcels && wanted.length ? await colour.parcels(parcels.id) : null;
      const bySize = colour.by() === "size";
      if (byte && this.on("parcels", zoom))
        put("parcels", parcels, tiles.byLook(parcels, part, (n) =>
          bySize ? colour.keyOf("size", colour.parcel.size(byte(n))) : colour.parcel.large(byte(n)) ? "large" : "small"
        ), (key) => area(colour.paint(bySize ? "size" : "parcels", key), 0.8, "#8a7a5c", true));
      if (blocks && this.on("blocks", zoom)) {
        const of = await colour.blocks();
        const book = colour.book();
        put("blocks", blocks, tiles.byLook(blocks, part, (n) => colour.keyOf(book, of[n])),
          (key) => area(colour.paint(book, key), book === "blocks" ? 0.72 : 0.85, "#33414d", near));
      }
      if (blocks && this.on("work", zoom)) {
        const of = await window.chigaiTime.looks();
        put("work", blocks, tiles.byLook(blocks, part, of), (key) => window.chigaiTime.painted(key, near));
      }
      if (byte && this.on("rest", zoom))
        put("rest", parcels, tiles.byLook(parcels, part, (n) => {
          if (!colour.parcel.rest(byte(n))) return null;
          return bySize ? colour.keyOf("size", colour.parcel.size(byte(n))) : "rest";
        }), (key) => (bySize ? area(colour.paint("size", key), 0.5, "#a39a86", true) : area(colour.paint("rest", key), 0.9, "#a39a86", true)));
      if (byte && this.on("seams", zoom) && this.on("blocks", zoom))
        put("seams", parcels, tiles.byLook(parcels, part, (n) => (colour.parcel.rest(byte(n)) ? null : "seam")),
          () => ({ fill: false, stroke: true, color: "#ffffff", weight: 0.9, opacity: 0.75 }));
      if (out.seams) {
        // where an old ridge is a block's edge as well, it stays
        const every = tiles.byLook(blocks, part, () => "edge");
        out.edges = tiles.drawn(blocks, part, every, () => ({ fill: false, stroke: true, color: "#1d2a35", weight: 1.5, opacity: 0.9 }));
      }
      if (byte && this.on("why", zoom))
        put("why", parcels, tiles.byLook(parcels, part, (n) => colour.parcel.reason(byte(n))), (key) => area(colour.paint("why", key), 0.75, "#33414d", true));
      if (this.on("barriers", zoom)) this.barriers(layers, part, put);
      this.seen.set(`${coords.z}/${coords.x}/${coords.y}`, seen);
      return out;
    }

    barriers(layers, part, put) {
      const kind = (n) => cfg.grid.kinds[n >> 1];
      const style = (filled) => (n) => {
        const c = look("barriers", kind(n)).c;
        return {
          fill: filled, fillColor: c, fillOpacity: 0.35, color: c, weight: n % 2 ? 2.5 : 1.5,
          dashArray: n % 2 ? null : "5 4", opacity: 0.85, lineCap: "butt", lineJoin: "round",
        };
      };
      if (layers.barrier_areas) put("barrier_areas", layers.barrier_areas, tiles.byLook(layers.barrier_areas, part, (n) => n), style(true));
      if (layers.barriers) put("barriers", layers.barriers, tiles.byLook(layers.barriers, part, (n) => n), style(false));
    }

    repaint() {
      return this.grid.repaint();
    }

    busy() {
      return this.view.map.getZoom() >= cfg.grid.first - 0.5 && this.grid.isLoading();
    }

    failed() {
      return Boolean(this.grid.failed);
    }

    /* Looks that are in view of a layer, and how many shapes. */
    inView(key) {
      const keys = new Set();
      let count = 0;
      for (const { coords, current } of Object.values(this.grid._tiles || {})) {
        const one = current && (this.seen.get(`${coords.z}/${coords.x}/${coords.y}`) || {})[key];
        if (!one) continue;
        one.keys.forEach((k) => keys.add(k));
        count += one.count;
      }
      return { keys: [...keys], count };
    }

    /* ---- marks over the plan ---- */

    marked(layers, part) {
      const out = {};
      for (const [name, mark] of this.marks) {
        const layer = layers[mark.layer];
        if (!layer) continue;
        const groups = tiles.byLook(layer, part, (n) => (mark.numbers.has(n) ? name : null));
        if (groups.size) out[name] = tiles.drawn(layer, part, groups, () => mark.style);
      }
      return out;
    }

    mark(name, layer, numbers, style) {
      this.marks.delete(name);
      if (numbers && numbers.length) this.marks.set(name, { layer, numbers: new Set(numbers), style: { ...MARK, ...style } });
      return this.over.repaint();
    }

    /* ---- a click ---- */

    /* What lies at a place, the uppermost that is drawn: {layer, number}, or null. */
    async find(place) {
      const map = this.view.map;
      const zoom = Math.round(map.getZoom());
      const at = (layer, wanted) => tiles.at(this.grid, map, place, layer, wanted);
      if (["why", "rest", "parcels"].some((key) => this.on(key, zoom))) {
        const n = await at("parcels", () => true);
        if (n !== null) {
          const byte = (await colour.parcels([n]))(n);
          const own = (this.on("why", zoom) && colour.parcel.reason(byte)) || (this.on("rest", zoom) && colour.parcel.rest(byte));
          if (own || (this.on("parcels", zoom) && !this.on("blocks", zoom))) return { layer: "parcels", number: n };
        }
      }
      if (this.on("blocks", zoom) || this.on("work", zoom)) {
        const n = await at("blocks", () => true);
        if (n !== null) return { layer: "blocks", number: n };
      }
      if (this.on("parcels", zoom)) {
        const n = await at("parcels", () => true);
        if (n !== null) return { layer: "parcels", number: n };
      }
      if (this.on("barriers", zoom))
        for (const layer of ["barriers", "barrier_areas"]) {
          const n = await at(layer, () => true);
          if (n !== null) return { layer, number: n };
        }
      return null;
    }

    /* The card of what was clicked, unless somebody else takes the click. */
    async clicked(place, wish) {
      const view = this.view;
      const turn = (this.turn = (this.turn || 0) + 1);
      try {
        const found = wish || (await this.find(place));
        if (!found || turn !== this.turn) return;
        if (found.layer.startsWith("barrier")) {
          if (!window.chigaiHooks.taking()) view.popup(place, tell.barriers({ kind: cfg.grid.kinds[found.number >> 1] }));
          return;
        }
        const told = await cards.facts(found.layer, found.number);
        if (turn !== this.turn) return;
        const name = found.layer === "blocks" ? told.block_id : told.parcel_id;
        if (window.chigaiHooks.told({ ...found, name, at: place, facts: told })) return;
        this.open(place, found.layer, told);
      } catch {
        view.popup(place, el("div", "cg-card", T.failed));
      }
    }

    open(place, layer, told) {
      const view = this.view;
      const changed = () => view.card && view.card.isOpen() && view.card.update();
      let node;
      if (cfg.kind === "work") node = window.chigaiTime.card(told, changed);
      else if (layer === "blocks") {
        const near = Math.round(view.map.getZoom()) >= cfg.grid.last;
        const parcel = near && (async () => {
          const n = await tiles.at(this.grid, view.map, place, "parcels", () => true);
          if (n !== null) this.clicked(place, { layer: "parcels", number: n });
        });
        node = cards.block(told, { changed, parcel });
      } else node = cards.parcel(told, { changed, block: (n) => this.clicked(place, { layer: "blocks", number: n }) });
      view.popup(place, node);
      this.mark("card", layer, [told.row]);
      window.chigaiAddress.card(layer === "blocks" ? told.block_id : null);
    }

    /* To a block or parcel, with its card. */
    async go(layer, told) {
      const [west, south, east, north] = told.box;
      const map = this.view.map;
      this.view.unpop();
      map.fitBounds([[south, west], [north, east]], { maxZoom: layer === "blocks" ? 16 : 17, animate: false });
      this.open(L.latLng((south + north) / 2, (west + east) / 2), layer, told);
    }

    /* ---- townships, for the view from afar ---- */

    /* Asked for once the map comes near them; again, where they were not summed up yet. */
    async townships() {
      const zoom = this.view.map.getZoom();
      const near = zoom >= cfg.grid.townships_from - 0.5 && zoom < cfg.grid.first;
      if (this.areas || this.asking || !near || !this.view.groups.townships) return;
      this.asking = true;
      try {
        const answer = await fetch(`${cfg.grid.base}townships.json`);
        const data = answer.ok ? await answer.json() : null;
        if (!data || this.areas) return;
        this.areas = L.geoJSON(data, {
          onEachFeature: (f, shape) => {
            shape.on("click", (event) => {
              if (!this.far()) return;
              L.DomEvent.stopPropagation(event);
              const node = cards.township(f.properties);
              const [west, south, east, north] = f.properties.box;
              node.append(button(T.zoom_here, () => {
                this.view.unpop();
                this.view.map.fitBounds([[south, west], [north, east]], { animate: false });
                if (this.view.map.getZoom() < cfg.grid.first) this.view.map.setZoom(cfg.grid.first, { animate: false });
              }));
              this.view.popup(event.latlng, node);
            });
            shape.bindTooltip(el("div", "cg-county", f.properties.name), { permanent: true, direction: "center", className: "cg-label", interactive: false });
          },
        }).addTo(this.view.groups.townships);
        this.dress();
        this.view.zoomed();
        this.view.order();
      } catch {
        /* the counties are there */
      } finally {
        this.asking = false;
      }
    }

    /* Whether townships are what is looked at now. */
    far() {
      const zoom = this.view.map.getZoom();
      return Boolean(this.areas) && zoom >= cfg.grid.townships_from && zoom < cfg.grid.first && this.view.map.hasLayer(this.view.groups.townships);
    }

    measure() {
      return cfg.grid.edges[colour.by()] ? colour.by() : "state";
    }

    townshipBook() {
      const by = this.measure();
      return by === "state" || by === "site" ? "shares" : by;
    }

    townshipLook(p) {
      const value = p[this.measure()];
      if (value === null || value === undefined) return null;
      const edges = cfg.grid.edges[this.measure()];
      return colour.keyOf(this.townshipBook(), edges.filter((edge) => value >= edge).length);
    }

    dress() {
      this.townships();
      if (!this.areas) return;
      const far = this.far();
      this.areas.setStyle((f) => {
        const key = this.townshipLook(f.properties);
        return {
          fill: far, stroke: far, weight: 1, color: "#3d4a55", opacity: 0.8, fillOpacity: 0.72,
          fillColor: key === null ? "#D9DDE0" : colour.paint(this.townshipBook(), key),
        };
      });
      const map = this.view.map;
      this.areas.eachLayer((shape) => {
        const b = shape.getBounds();
        const wide = map.project(b.getNorthEast()).x - map.project(b.getSouthWest()).x;
        if (far && wide > 70) shape.openTooltip();
        else shape.closeTooltip();
      });
    }

    /* ---- what the legend tells ---- */

    legend() {
      const parts = [];
      if (this.far()) parts.push([`legend_township_${this.measure()}`, this.townshipBook()]);
      const seen = (key) => (this.on(key, Math.round(this.view.map.getZoom())) ? this.inView(key).keys : []);
      const bySize = colour.by() === "size";
      const blocks = seen("blocks");
      if (blocks.length) parts.push([bySize ? "by_size" : `legend_by_${colour.by()}`, colour.book(), bySize ? null : blocks]);
      if (seen("work").length) parts.push(["legend_work", "work", window.chigaiTime.inView(), "", cfg.amounts]);
      if (seen("parcels").length && !(bySize && blocks.length)) parts.push(["legend_parcels", bySize ? "size" : "parcels"]);
      if (seen("why").length) parts.push(["legend_why", "why", seen("why")]);
      if (seen("rest").length && !bySize) parts.push(["legend_rest", "rest"]);
      const kinds = [...new Set([...seen("barriers"), ...this.inView("barrier_areas").keys].map((n) => cfg.grid.kinds[n >> 1]))];
      if (kinds.length && this.on("barriers", Math.round(this.view.map.getZoom()))) parts.push(["legend_barriers", "barriers", kinds, "line"]);
      return parts;
    }
  }

  /* How far the job is that makes the tiles; what it makes is shown as soon as it is there. */
  async function follow(views) {
    try {
      const { tiles: made } = await colour.about();
      cfg.making = ["queued", "running"].includes(made.state) ? say("making", { n: number(100 * made.fraction, 0) }) : "";
      if (made.state === "ready") for (const view of views) view.painted.townships();
      if (cfg.making) setTimeout(() => follow(views), ASK_MS);
    } catch {
      cfg.making = "";
    }
    colour.offer(views);
    for (const view of views) view.report();
  }

  /* came: what the address of the page around the map asks for. */
  function start(views, came) {
    colour.onChange(() => {
      for (const view of views) {
        view.painted.repaint();
        view.painted.dress();
        window.chigaiLegend.draw(view);
      }
    });
    follow(views);
    const asked = () => window.chigaiAddress.read(location.hash);
    block(views, came.block ? came : asked());
    window.addEventListener("hashchange", () => block(views, asked()));
  }

  /* A block that the address names: its card, there, or where the address says that the map looks. */
  async function block(views, { at, block: id }) {
    if (!id) return;
    const view = views[views.length - 1];
    try {
      const told = await cards.factsOf(id);
      const [west, south, east, north] = told.box;
      if (at) view.painted.open(L.latLng((south + north) / 2, (west + east) / 2), "blocks", told);
      else await view.painted.go("blocks", told);
    } catch {
      view.tell(T.find_none);
    }
  }

  function setUp(config) {
    cfg = config;
    T = cfg.text;
  }

  window.chigaiPlan = { setUp, start, block, Painted };
})();
