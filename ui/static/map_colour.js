/* What the shapes of a plan are coloured by: a byte for each number, asked for once, apart from the shapes. */
(function () {
  "use strict";

  const { el, look, fill } = window.chigaiLook;
  const SIZE = 7, LARGE = 8, REASON = 4; // bits of a parcel's byte, as ui/colouring.py says
  const AGAIN_MS = 60000;
  let cfg, T;
  let by = "state";
  let state = { private: false, followed: false, tiles: {} };
  const asked = new Map();
  const told = [];

  /* Bytes behind an address, asked for once. */
  function bytes(path) {
    if (!asked.has(path)) {
      const promise = fetch(cfg.grid.base + path).then(async (answer) => {
        if (!answer.ok) throw new Error(String(answer.status));
        return new Uint8Array(await answer.arrayBuffer());
      });
      promise.catch(() => asked.delete(path));
      asked.set(path, promise);
    }
    return asked.get(path);
  }

  /* The place of each block's state of work among the looks of "work". */
  async function work() {
    const answer = await fetch(`${cfg.grid.base}states.json`);
    if (!answer.ok) throw new Error(String(answer.status));
    const { blocks } = await answer.json();
    return Uint8Array.from(blocks, (letter) => letter.charCodeAt(0) - 97);
  }

  /* A byte of each block by what the map is coloured by. */
  function blocks() {
    if (by !== "work") return bytes(`looks/${by}.bin`);
    if (!asked.has("work")) {
      const promise = work();
      promise.catch(() => asked.delete("work"));
      asked.set("work", promise);
    }
    return asked.get("work");
  }

  const counties = () => bytes("looks/county.bin");

  /* A function from a parcel's number to its byte, for numbers that are asked about. */
  async function parcels(numbers) {
    const size = cfg.grid.chunk;
    const wanted = new Set();
    for (const n of numbers) wanted.add(Math.floor(n / size));
    const found = new Map();
    await Promise.all([...wanted].map(async (chunk) => found.set(chunk, await bytes(`parcels/${chunk}.bin`))));
    return (n) => found.get(Math.floor(n / size))[n % size];
  }

  const parcel = {
    size: (byte) => byte & SIZE,
    large: (byte) => Boolean(byte & LARGE),
    reason: (byte) => cfg.grid.reasons[(byte >> REASON) - 1] || null,
    rest: (byte) => Boolean(byte >> REASON),
  };

  const keys = {};
  /* The key of a look in its book, by its place. */
  function keyOf(book, place) {
    if (!keys[book]) keys[book] = Object.keys(cfg.looks[book]);
    return keys[book][place] || keys[book][keys[book].length - 1];
  }
  const book = () => (by === "state" ? "blocks" : by);

  function paint(name, key) {
    const one = look(name, key);
    return one.h === "plain" ? one.c : fill(one.c, one.h);
  }

  /* ---- what may be chosen ---- */

  const allowed = () => {
    const all = ["state", "size", "cut", "site"];
    if (state.followed) all.splice(1, 0, "work");
    if (state.private) all.push("operators");
    return all;
  };

  function control(view) {
    const box = L.control({ position: "topleft" });
    box.onAdd = () => {
      const frame = el("label", "cg-colour leaflet-bar");
      frame.append(el("span", "", T.colour_by));
      view.colour = el("select");
      view.colour.addEventListener("change", () => choose(view.colour.value));
      frame.append(view.colour);
      L.DomEvent.disableClickPropagation(frame);
      return frame;
    };
    box.addTo(view.map);
  }

  function offer(views) {
    for (const view of views) {
      if (!view.colour) continue;
      view.colour.replaceChildren(...allowed().map((name) => new Option(T["by_" + name], name)));
      view.colour.value = by;
    }
  }

  function choose(wanted) {
    by = allowed().includes(wanted) ? wanted : "state";
    for (const each of told) each();
  }

  /* Whoever draws is told when colours change. */
  const onChange = (each) => told.push(each);

  /* Colours that change without the plan: how far the work is. all: the plan has changed as well. */
  function refresh(all) {
    if (all) asked.clear();
    asked.delete("work");
    for (const each of told) each();
  }

  async function about() {
    const answer = await fetch(`${cfg.grid.base}about.json`);
    if (!answer.ok) throw new Error(String(answer.status));
    state = await answer.json();
    return state;
  }

  function setUp(config) {
    cfg = config;
    T = cfg.text;
    if (cfg.kind !== "plan") return;
    setInterval(() => {
      if (by === "work" && !document.hidden) refresh();
    }, AGAIN_MS);
  }

  window.chigaiColour = {
    setUp, about, control, offer, choose, onChange, refresh, blocks, counties, parcels, parcel, keyOf, book, paint,
    by: () => by,
  };
})();
