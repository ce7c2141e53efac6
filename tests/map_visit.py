"""One visit to a map page in a real browser: what it asked for, what it complained of, and where to click."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (p for p in ("/usr/bin/chromium", shutil.which("chromium") or "") if p and Path(p).exists()), None
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Visit:
    """One page, with everything that it asked for and every complaint of the browser."""

    def __init__(
        self,
        browser: Any,
        base: str,
        path: str,
        width: int = 1200,
        height: int = 800,
        touch: bool = False,
    ) -> None:
        self.base = base
        self.touch = touch
        size = {"width": width, "height": height}
        self.context = browser.new_context(viewport=size, locale="zh-CN", has_touch=touch, is_mobile=touch)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on(
            "console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None
        )
        self.page.on("dialog", self._dialog)
        self.page.goto(base + path)
        self.ready()

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append("a dialog opened")
        dialog.dismiss()

    def until(self, holds: str, seconds: float = 15) -> None:
        """Wait until a script's expression is true; the page's policy forbids Playwright's own wait (eval)."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(holds):
            assert time.monotonic() < end, f"never came true: {holds}"
            self.page.wait_for_timeout(50)

    def ready(self) -> None:
        self.until("[...document.querySelectorAll('.folium-map')].every(m => m.dataset.state === 'ready')")

    def look_at(self, layer: str = "blocks") -> None:
        """Bring the paddies into view, close enough for blocks and parcels, and wait for the layer."""
        self.page.evaluate("void chigai.views.at(-1).map.setView([45.767, 132.3905], 16, {animate: false})")
        self.until(f"Number([...document.querySelectorAll('.folium-map')].at(-1).dataset.{layer}) > 0")
        self.ready()

    def switch_on(self, group: str) -> None:
        self.page.evaluate(f"void chigai.views[0].groups[{group!r}].addTo(chigai.views[0].map)")
        self.until(f"Number(document.querySelector('.folium-map').dataset[{group!r}]) > 0")
        self.ready()

    def click_on(self, layer: str) -> str:
        """Click, or touch, the first shape of a layer that lies free; the card's text."""
        x, y = self.page.evaluate(
            """async key => {
                const view = chigai.views.at(-1), map = view.map;
                const box = map.getContainer().getBoundingClientRect();
                const places = [];
                const group = key === 'counties' ? view.counties : view.loaders.find(l => l.key === key)?.group.getLayers()[0];
                if (group) for (const shape of group.getLayers()) places.push(shape.getCenter ? shape.getCenter() : shape.getLatLng());
                else if (key === 'barriers') {
                    const bounds = map.getBounds();
                    for (let lat = bounds.getSouth(); lat < bounds.getNorth(); lat += 2e-5) places.push(L.latLng(lat, map.getCenter().lng));
                } else {
                    const layer = key === 'blocks' || key === 'work' ? 'blocks' : 'parcels';
                    const { numbers } = await chigaiMap.within(layer, map.getBounds());
                    for (const shape of (await chigaiMap.shapes(layer, numbers)).features) places.push(L.geoJSON(shape).getBounds().getCenter());
                }
                for (const place of places) {
                    if (!group) {
                        const found = await view.painted.find(place);
                        const wanted = { blocks: 'blocks', work: 'blocks', barriers: 'barriers' }[key] || 'parcels';
                        if (!found || found.layer !== wanted) continue;
                    }
                    const at = map.latLngToContainerPoint(place);
                    const p = [box.x + at.x, box.y + at.y];
                    const top = document.elementFromPoint(...p);
                    if (top && (top.tagName === 'CANVAS' || top.classList.contains('leaflet-container'))) return p;
                }
                return [-1, -1];
            }""",
            layer,
        )
        assert x >= 0, f"no shape of {layer} lies free"
        (self.page.touchscreen.tap if self.touch else self.page.mouse.click)(x, y)
        card = self.page.wait_for_selector(".cg-card")
        return card.inner_text()

    def colour_of(self, layer: str, row: int) -> str:
        """The colour that is drawn inside a shape, as #RRGGBB, read from the tile's own picture."""
        return self.page.evaluate(
            """async ([layer, row]) => {
                const view = chigai.views.at(-1), map = view.map;
                const shape = (await chigaiMap.shapes(layer, [row])).features[0];
                const box = L.geoJSON(shape).getBounds();
                // not in the middle, where an old ridge may run
                const place = [0.6 * box.getSouth() + 0.4 * box.getNorth(), 0.7 * box.getWest() + 0.3 * box.getEast()];
                const at = map.project(place, Math.round(map.getZoom()));
                const key = [Math.floor(at.x / 256), Math.floor(at.y / 256), Math.round(map.getZoom())].join(':');
                const copy = new OffscreenCanvas(256, 256).getContext('2d', {willReadFrequently: true});
                copy.drawImage(view.painted.grid._tiles[key].el, 0, 0);
                const [r, g, b] = copy.getImageData(at.x % 256, at.y % 256, 1, 1).data;
                return '#' + [r, g, b].map(v => v.toString(16).padStart(2, '0')).join('').toUpperCase();
            }""",
            [layer, row],
        )

    def close(self) -> None:
        assert self.page.evaluate("window.pwned") is None
        assert self.page.evaluate("document.querySelectorAll('img[src=x], svg[onload]').length") == 0
        outside = [a for a in self.asked if not a.startswith((self.base, "data:"))]
        assert outside == []
        assert self.complaints == []
        self.context.close()
