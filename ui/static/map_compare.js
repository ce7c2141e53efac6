/* What differs between two plans, where the address names another (?against=…): parcels that change hands are marked on
   the map of the second plan, as places where the whole city is seen and as parcels where one looks closer. */
(function () {
  "use strict";

  const against = new URLSearchParams(location.search).get("against");
  if (!against || !window.chigaiMap) return;

  const { el, say, number } = window.chigaiLook;
  const COLOURS = { joined: "#0072B2", left: "#E69F00", moved: "#882255" };
  const PARCELS_FROM = 15;

  window.chigaiMap.ready.then(async () => {
    const { map, config } = window.chigaiMap;
    const answer = await fetch(`${config.grid.base}hands.json?against=${encodeURIComponent(against)}`);
    if (!answer.ok) return;
    const told = await answer.json();
    const places = L.layerGroup();
    for (const [kind, colour] of Object.entries(COLOURS)) {
      for (const [lng, lat] of told.points[kind] || [])
        L.circleMarker([lat, lng], { radius: 4, color: "#ffffff", weight: 1, fillColor: colour, fillOpacity: 0.95, interactive: false }).addTo(places);
      window.chigaiMap.highlight(`hands_${kind}`, "parcels", told.numbers[kind], {
        fill: true, fillColor: colour, fillOpacity: 0.8, color: "#ffffff", weight: 1.5, opacity: 1,
      });
    }
    const shown = () => (map.getZoom() < PARCELS_FROM ? places.addTo(map) : places.remove());
    map.on("zoomend", shown);
    const legend = el("div", "cg-compare");
    for (const [kind, colour] of Object.entries(COLOURS)) {
      const line = el("div");
      const spot = el("i");
      spot.style.background = colour;
      line.append(spot, el("span", "", `${say(`compare_${kind}`)} ${number(told.numbers[kind].length, 0)}`));
      legend.append(line);
    }
    document.body.append(legend);
    if (told.box) {
      const [west, south, east, north] = told.box;
      map.fitBounds([[south, west], [north, east]], { maxZoom: 17, animate: false, padding: [40, 40] });
    }
    shown();
  });
})();
