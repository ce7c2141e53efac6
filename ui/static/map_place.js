/* Where a map looks: the address, the choice of a county, what was left open; and when the wheel is the map's. */
(function () {
  "use strict";

  const CLOSE = 16; // parcels and blocks are told apart
  const HINT_MS = 1800;
  const { el, button } = window.chigaiLook;
  const address = window.chigaiAddress;
  let cfg, T;
  let views = [];
  /* What the page around the map asked for last: another wish of it, and only that, moves the map again. */
  let asked = "";

  const boxOf = ([west, south, east, north]) => [[south, west], [north, east]];
  const wishes = () => new URLSearchParams(location.hash.slice(1));
  /* A wish without its day: another day moves nothing. */
  const where = (hash, others = []) => {
    const wish = new URLSearchParams(hash);
    for (const other of ["day", ...others]) wish.delete(other);
    return wish.toString();
  };
  /* Nor do a draft's count of changes and its field unit, to which map_edit.js goes. */
  const moves = (hash) => where(hash, ["n", "unit"]);
  const placeOf = (code) => cfg.places.find((p) => p.code === code && p.box);

  function whole() {
    views[0].map.fitBounds(boxOf(cfg.box), { padding: [12, 12], maxZoom: 17, animate: false });
  }

  const to = ([lat, lng, zoom]) => views[0].map.setView([lat, lng], zoom, { animate: false });

  /* To a county, or to everything; a map that opened close goes close in the county too. */
  function go(code) {
    const close = new URLSearchParams(asked).has("close");
    const hash = code ? `#county=${encodeURIComponent(code)}${close ? "&close" : ""}` : "";
    history.replaceState(null, "", hash || location.pathname + location.search);
    follow();
  }

  /* #county=230381 in the address moves the map, #close amid its largest site, #at=latitude,longitude,zoom anywhere; the
     page is not loaded anew. */
  function follow() {
    const place = placeOf(wishes().get("county"));
    const close = wishes().has("close") && (place || cfg).close;
    for (const view of views) {
      view.unpop();
      if (view.select) view.select.value = place ? place.code : close ? cfg.close_in : "";
    }
    const { at } = address.read(location.hash);
    address.quietly(() => {
      if (at) to(at);
      else if (close) views[0].map.setView(close, CLOSE, { animate: false });
      else if (place) views[0].map.fitBounds(boxOf(place.box), { padding: [12, 12], maxZoom: 17, animate: false });
      else whole();
    });
    wayBack();
  }

  function bar(view) {
    const control = L.control({ position: "topleft" });
    control.onAdd = () => {
      const box = el("div", "cg-select leaflet-bar");
      if (cfg.places.length > 1) {
        view.select = el("select");
        view.select.setAttribute("aria-label", T.county);
        view.select.append(new Option(T.all_counties, ""));
        for (const place of cfg.places) view.select.append(new Option(place.name, place.code));
        view.select.addEventListener("change", () => go(view.select.value));
        box.append(view.select);
      }
      view.back = button(T.whole, () => go(""));
      view.back.className = "cg-back";
      box.append(view.back);
      L.DomEvent.disableClickPropagation(box);
      return box;
    };
    control.addTo(view.map);
    view.map.on("moveend", wayBack);
  }

  /* The way back is there wherever not everything is in view. */
  function wayBack() {
    for (const view of views) {
      if (!view.back) continue;
      view.back.hidden = view.map.getBounds().pad(0.05).contains(boxOf(cfg.box));
      view.back.parentNode.hidden = view.back.hidden && !view.select;
    }
  }

  /* What was in view comes back when the page changes language or view; another wish comes first. */
  const name = () => `chigai ${location.pathname} ${new URLSearchParams(asked).has("close")}`;

  function keep() {
    const at = views[0].map.getCenter();
    const kept = { asked, at: [at.lat, at.lng], zoom: views[0].map.getZoom(), hash: location.hash };
    try {
      sessionStorage.setItem(name(), JSON.stringify(kept));
    } catch {
      /* a browser that keeps nothing */
    }
  }

  function kept() {
    try {
      const found = JSON.parse(sessionStorage.getItem(name()));
      return found && where(found.asked) === where(asked) && found.at.concat(found.zoom).every(Number.isFinite) ? found : null;
    } catch {
      return null;
    }
  }

  /* Inside a page the wheel scrolls that page, until the map is clicked; with Ctrl it is always the map's. */
  function tame() {
    if (window.parent === window) return;
    let held = false;
    let timer;
    const hint = el("div", "cg-hint", T.wheel);
    hint.hidden = true;
    document.body.append(hint);
    const hold = (on) => {
      held = on;
      hint.hidden = true;
      wheel(on);
    };
    const wheel = (on) => views.forEach((v) => v.map.scrollWheelZoom[on ? "enable" : "disable"]());
    wheel(false);
    document.addEventListener("pointerdown", () => hold(true), true);
    document.documentElement.addEventListener("mouseleave", () => hold(false));
    window.addEventListener("blur", () => hold(false));
    const listen = (event) => {
      const mine = held || event.ctrlKey || event.metaKey || Boolean(document.fullscreenElement);
      const inside = event.target.closest(".cg-legend, .cg-sheet, .leaflet-control-layers");
      wheel(mine);
      // a browser must know of it beforehand, or it scrolls (with Ctrl: enlarges) the page as well
      if (mine && !inside) event.preventDefault();
      if (mine || inside) return;
      hint.hidden = false;
      clearTimeout(timer);
      timer = setTimeout(() => (hint.hidden = true), HINT_MS);
    };
    window.addEventListener("wheel", listen, { capture: true, passive: false });
  }

  function setUp(config) {
    cfg = config;
    T = cfg.text;
  }

  function start(given) {
    views = given;
    const came = address.came();
    asked = location.hash.slice(1);
    follow();
    const before = kept();
    if (before) {
      history.replaceState(null, "", before.hash || location.pathname + location.search);
      const place = placeOf(wishes().get("county"));
      if (views[0].select) views[0].select.value = place ? place.code : "";
      views[0].map.setView(before.at, before.zoom, { animate: false });
    }
    if (came.at) to(came.at);
    if (came.at || before) address.saw(views[0].map);
    wayBack();
    views[0].map.on("moveend", keep);
    address.start(views[0].map, (wish) => {
      if (wish.at) to(wish.at);
      if (wish.block && cfg.grid) window.chigaiPlan.block(views, wish);
    });
    window.addEventListener("hashchange", () => {
      const before = moves(asked);
      asked = location.hash.slice(1);
      if (moves(asked) !== before) follow();
    });
    tame();
    return came;
  }

  window.chigaiPlace = { bar, go, setUp, start };
})();
