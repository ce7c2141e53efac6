/* A plan's shapes as vector tiles: VectorGrid asks for them and draws them; read into bare arrays of numbers, so that
   a city stays small, told apart by what each number stands for, and found under a click. */
(function () {
  "use strict";

  const SIDE = 256;
  const KEPT = 3e6; // corners' numbers held, 12 MB
  const NEAR = 4; // pixels: how near a click must come to a line, or to a shape where it meets none
  let cfg, ready;
  const begun = new Promise((done) => (ready = done));

  /* ---- reading: the Mapbox vector tile specification 2.1, numbers and corners alone ---- */

  /* What the library's own reader makes is an object for each corner: a hundred megabytes in a far view of a city.
     A layer here: id and kind of each shape, first: its first ring, at: where each ring begins in xy. */
  function read(bytes) {
    let at = 0;
    const varint = () => {
      let value = 0, by = 1, byte;
      do {
        byte = bytes[at++];
        value += (byte & 127) * by;
        by *= 128;
      } while (byte > 127);
      return value;
    };
    const skip = (wire) => {
      if (wire === 0) varint();
      else if (wire === 2) at += varint();
      else at += wire === 1 ? 8 : 4;
    };
    const fields = (end, each) => {
      while (at < end) {
        const tag = varint();
        if (!each(tag >> 3)) skip(tag & 7);
      }
    };
    const corners = (out, end) => {
      let x = 0, y = 0, command = 0, left = 0;
      while (at < end) {
        if (!left) {
          const head = varint();
          command = head & 7;
          left = head >> 3;
        }
        left -= 1;
        if (command === 7) continue;
        const dx = varint(), dy = varint();
        x += dx % 2 ? -(dx + 1) / 2 : dx / 2;
        y += dy % 2 ? -(dy + 1) / 2 : dy / 2;
        if (command === 1) out.at.push(out.xy.length);
        out.xy.push(x, y);
      }
    };
    const shape = (out, end) => {
      let id = 0, kind = 0;
      out.first.push(out.at.length);
      fields(end, (field) => {
        if (field === 1) id = varint();
        else if (field === 3) kind = varint();
        else if (field === 4) {
          const length = varint();
          corners(out, at + length);
        } else return false;
        return true;
      });
      out.id.push(id);
      out.kind.push(kind);
    };
    const layers = {};
    fields(bytes.length, (field) => {
      if (field !== 3) return false;
      const length = varint(), end = at + length;
      const out = { id: [], kind: [], first: [], at: [], xy: [] };
      let name = "", extent = 4096;
      fields(end, (inner) => {
        if (inner === 1) {
          const long = varint();
          name = new TextDecoder().decode(bytes.subarray(at, at + long));
          at += long;
        } else if (inner === 2) {
          const long = varint();
          shape(out, at + long);
        } else if (inner === 5) extent = varint();
        else return false;
        return true;
      });
      out.first.push(out.at.length);
      out.at.push(out.xy.length);
      layers[name] = {
        extent,
        id: Float64Array.from(out.id),
        kind: Uint8Array.from(out.kind),
        first: Uint32Array.from(out.first),
        at: Uint32Array.from(out.at),
        xy: Int32Array.from(out.xy),
      };
      return true;
    });
    return layers;
  }

  const EMPTY = {};
  const kept = new Map(); // address → {promise, size}, the one used last at the end

  function tile(url) {
    let one = kept.get(url);
    if (one) {
      kept.delete(url);
      kept.set(url, one);
      return one.promise;
    }
    one = { size: 0 };
    one.promise = fetch(url)
      .then(async (answer) => {
        if (answer.status === 204) return EMPTY;
        if (!answer.ok) throw new Error(String(answer.status));
        const layers = read(new Uint8Array(await answer.arrayBuffer()));
        one.size = Object.values(layers).reduce((sum, layer) => sum + layer.xy.length, 0);
        let sum = 0;
        for (const [key, other] of [...kept].reverse()) if ((sum += other.size) > KEPT && other !== one) kept.delete(key);
        return layers;
      })
      .catch((error) => {
        kept.delete(url);
        throw error;
      });
    kept.set(url, one);
    return one.promise;
  }

  /* ---- drawing: all shapes of one look at once, and nothing kept of them ---- */

  /* One look's shapes in a tile. deep: levels below the tile that they come from; dx, dy: where in it. */
  class Brush {
    constructor(layer, which, part) {
      Object.assign(this, { layer, which, part });
    }

    render(renderer, style) {
      const { extent, first, at, xy, kind } = this.layer;
      const { zoom, dx, dy } = this.part;
      const scale = (SIDE * zoom) / extent;
      const left = dx * SIDE, top = dy * SIDE;
      const pen = renderer._ctx;
      pen.beginPath();
      for (const i of this.which)
        for (let ring = first[i]; ring < first[i + 1]; ring++) {
          const end = at[ring + 1];
          let k = at[ring];
          pen.moveTo(xy[k] * scale - left, xy[k + 1] * scale - top);
          for (k += 2; k < end; k += 2) pen.lineTo(xy[k] * scale - left, xy[k + 1] * scale - top);
          if (kind[i] === 3) pen.closePath();
        }
      this.options = style;
      renderer._updateDashArray(this);
      renderer._fillStroke(pen, this);
    }
  }

  /* Shapes of a layer whose corners' box meets the part of the tile that is drawn. */
  function meets(layer, i, part) {
    if (part.zoom === 1) return true;
    const side = layer.extent / part.zoom;
    const slack = side / 16;
    const west = part.dx * side - slack, north = part.dy * side - slack;
    const east = west + side + 2 * slack, south = north + side + 2 * slack;
    let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
    for (let k = layer.at[layer.first[i]]; k < layer.at[layer.first[i + 1]]; k += 2) {
      const x = layer.xy[k], y = layer.xy[k + 1];
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
    }
    return x0 <= east && x1 >= west && y0 <= south && y1 >= north;
  }

  const Grid = {
    /* The tile that holds what is to be drawn at these coordinates, and which part of it. */
    _source(coords) {
      const deep = Math.max(0, coords.z - cfg.grid.last);
      const zoom = 2 ** deep;
      return {
        url: L.Util.template(this._url, { x: coords.x >> deep, y: coords.y >> deep, z: coords.z - deep }),
        part: { zoom, dx: coords.x % zoom, dy: coords.y % zoom },
      };
    },

    async _getVectorTilePromise(coords) {
      await begun;
      if (coords.z < cfg.grid.first) return { layers: {} };
      try {
        const { url, part } = this._source(coords);
        const layers = await tile(url);
        const drawn = await this.options.looks(layers, part, coords);
        this.failed = false;
        return { layers: drawn };
      } catch {
        this.failed = true;
        return { layers: {} };
      }
    },

    _createLayer(shape) {
      return shape.brush;
    },

    /* Draw every tile anew from what is known, without a moment of nothing. */
    async repaint() {
      await Promise.all(
        Object.values(this._tiles || {}).map(async ({ el, coords }) => {
          const renderer = el.chigaiRenderer;
          const turn = (renderer.turn = (renderer.turn || 0) + 1);
          const { layers } = await this._getVectorTilePromise(coords);
          if (renderer.turn !== turn) return;
          renderer._ctx.clearRect(0, 0, SIDE, SIDE);
          for (const layer of Object.values(layers))
            for (const shape of layer.features) shape.brush.render(renderer, L.extend({}, L.Path.prototype.options, shape.properties));
        })
      );
      this.fire("repainted");
    },
  };

  if (L.VectorGrid) L.VectorGrid.Protobuf.include(Grid);

  function canvas(coords, size, options) {
    const renderer = L.canvas.tile(coords, size, options);
    renderer.getContainer().chigaiRenderer = renderer;
    // a corner is asked of nobody once it is drawn
    renderer._addPath = L.Util.falseFn;
    return renderer;
  }

  const asTold = (properties) => properties;

  /* For L.vectorGrid.protobuf; what is drawn of a tile is given later, by `dress`. */
  function options() {
    return {
      rendererFactory: canvas,
      interactive: false,
      zIndex: 5,
      updateWhenZooming: false,
      keepBuffer: 1,
      pane: "tilePane",
      vectorTileLayerStyles: new Proxy({}, { get: () => asTold }),
      looks: () => ({}),
    };
  }

  /* looks(layers, part, coords): what is drawn, {name: {extent, features: [{properties: style, brush}]}} or a promise. */
  function dress(grid, looks) {
    grid.options.looks = looks;
    // not among the options from the start: a map with such a layer would begin no further off
    grid.once("add", () => (grid.options.minZoom = cfg.grid.first));
    if (grid._map) grid.options.minZoom = cfg.grid.first;
    return grid;
  }

  /* Shapes of a layer by the look that `of` gives to each number (null: not drawn). */
  function byLook(layer, part, of) {
    const groups = new Map();
    for (let i = 0; i < layer.id.length; i++) {
      const look = of(layer.id[i]);
      if (look === null || look === undefined || !meets(layer, i, part)) continue;
      if (!groups.has(look)) groups.set(look, []);
      groups.get(look).push(i);
    }
    return groups;
  }

  const drawn = (layer, part, groups, style) => ({
    extent: SIDE,
    features: [...groups].map(([look, which]) => ({ properties: style(look), brush: new Brush(layer, which, part) })),
  });

  /* ---- finding ---- */

  function holds(layer, i, x, y) {
    let inside = false;
    for (let ring = layer.first[i]; ring < layer.first[i + 1]; ring++) {
      const low = layer.at[ring], high = layer.at[ring + 1];
      for (let k = low, j = high - 2; k < high; j = k, k += 2) {
        const xk = layer.xy[k], yk = layer.xy[k + 1], xj = layer.xy[j], yj = layer.xy[j + 1];
        if (yk > y !== yj > y && x < ((xj - xk) * (y - yk)) / (yj - yk) + xk) inside = !inside;
      }
    }
    return inside;
  }

  function nears(layer, i, x, y, near) {
    for (let ring = layer.first[i]; ring < layer.first[i + 1]; ring++)
      for (let k = layer.at[ring]; k < layer.at[ring + 1] - 2; k += 2) {
        const ax = layer.xy[k], ay = layer.xy[k + 1];
        const dx = layer.xy[k + 2] - ax, dy = layer.xy[k + 3] - ay;
        const t = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
        if (Math.hypot(x - ax - t * dx, y - ay - t * dy) <= near) return true;
      }
    return false;
  }

  /* The number of the shape of a tile's layer at a place; null where there is none that `wanted` takes. */
  async function at(grid, map, place, name, wanted) {
    const z = Math.min(Math.round(map.getZoom()), cfg.grid.last);
    if (z < cfg.grid.first) return null;
    const point = map.project(place, z).divideBy(SIDE);
    const coords = { x: Math.floor(point.x), y: Math.floor(point.y), z };
    const layer = (await tile(grid._source(coords).url))[name];
    if (!layer) return null;
    const x = (point.x - coords.x) * layer.extent, y = (point.y - coords.y) * layer.extent;
    const near = (NEAR / SIDE) * layer.extent * 2 ** (z - map.getZoom());
    for (const meets of [(i) => layer.kind[i] === 3 && holds(layer, i, x, y), (i) => nears(layer, i, x, y, near)])
      for (let i = layer.id.length - 1; i >= 0; i--) if (wanted(layer.id[i]) && meets(i)) return layer.id[i];
    return null;
  }

  function setUp(config) {
    cfg = config;
    ready();
  }

  window.chigaiTiles = { options, setUp, dress, byLook, drawn, at };
})();
