/* What is seen stands in the address, so that a link or a new load shows the same: #at=latitude,longitude,zoom and, while
   the card of a block is open, #block=ID. Of a map inside a page it is that page's address. */
(function () {
  "use strict";

  const PAUSE_MS = 300; // browsers refuse an address that changes too often
  const LOOK_MS = 1000;
  const around = window.parent !== window && reachable(window.parent) ? window.parent : null;
  const whose = around || window;
  const now = { at: null, block: null };
  let timer;
  let still = false;

  function reachable(other) {
    try {
      return other.location.origin === location.origin;
    } catch {
      return false;
    }
  }

  const wishes = (hash) => new URLSearchParams(hash.replace(/^#/, ""));

  function read(hash) {
    const wish = wishes(hash);
    const at = (wish.get("at") || "").split(",").map(Number);
    return { at: at.length === 3 && at.every(Number.isFinite) ? at : null, block: wish.get("block") };
  }

  /* What the address of the page around said when it was loaded; for the first map on it alone. The page may have
     taken it out since, so the browser's own record is asked too. */
  function came() {
    if (!around || around.chigaiCame) return { at: null, block: null };
    around.chigaiCame = true;
    const [load] = around.performance.getEntriesByType("navigation");
    return read(around.location.hash || (load ? new URL(load.name).hash : ""));
  }

  function write() {
    const all = wishes(whose.location.hash);
    for (const key of ["at", "block"]) {
      if (now[key]) all.set(key, now[key]);
      else all.delete(key);
    }
    const said = [...all].map(([key, value]) => (value ? `${key}=${encodeURIComponent(value).replaceAll("%2C", ",")}` : key));
    const hash = said.length ? `#${said.join("&")}` : "";
    if (hash === whose.location.hash) return;
    const { pathname, search } = whose.location;
    whose.history.replaceState(whose.history.state, "", pathname + search + hash);
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(write, PAUSE_MS);
  }

  /* Moves that nobody made by hand: the address is whoever's made them. */
  function quietly(move) {
    still = true;
    try {
      move();
    } finally {
      still = false;
    }
    clearTimeout(timer);
    Object.assign(now, { at: null, block: null });
    if (around) write();
    else {
      const { at, block } = read(location.hash);
      Object.assign(now, { at: at && at.join(","), block });
    }
  }

  function saw(map) {
    if (still) return;
    const { lat, lng } = map.getCenter();
    now.at = `${lat.toFixed(5)},${lng.toFixed(5)},${Math.round(map.getZoom() * 100) / 100}`;
    later();
  }

  /* The block whose card is open; null: none. */
  function card(id) {
    if (still || now.block === id) return;
    now.block = id;
    later();
  }

  /* A page that changes its own address leaves ours out; and somebody may write another one there. */
  function start(map, follow) {
    map.on("moveend", () => saw(map));
    if (!around) return;
    setInterval(() => {
      if ((now.at || now.block) && !around.location.hash) write();
    }, LOOK_MS);
    const heard = () => follow(read(around.location.hash));
    around.addEventListener("hashchange", heard);
    window.addEventListener("pagehide", () => around.removeEventListener("hashchange", heard));
  }

  window.chigaiAddress = { came, read, quietly, saw, card, start };
})();
