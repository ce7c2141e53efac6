"""Where the invented irrigation districts lie: inside their county, near the valley, clear of one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from geo import boundaries
from geo.errors import ChigaiError
from geo.synthetic.layout import Floats, Placed, Rng

_APART = 350.0  # m of other land between two irrigation districts; half of it to a county's boundary
_BATCH = 100
_ROUNDS = 15


class Room:
    """The land that is still free. recipe: name of the boundaries, crs, valley; the same seed, the same places."""

    def __init__(self, recipe: dict[str, Any], seed: int) -> None:
        frame = boundaries.load(recipe["name"]).to_crs(recipe["crs"])
        self._counties: gpd.GeoSeries = frame.set_index("adcode").geometry
        line = gpd.GeoSeries([shapely.LineString(recipe["valley"])], crs=4490).to_crs(recipe["crs"])
        self._valley: shapely.LineString = line.iloc[0]
        self._seed = seed
        self._rngs: dict[str, Rng] = {}
        self.taken: list[shapely.Polygon] = []
        """What each district placed so far takes, its share of the land around it included."""

    def farthest(self, county: str) -> str:
        """The county farthest from this one."""
        return str(self._counties.distance(self._counties[county].centroid).idxmax())

    def place(self, county: str, frame: tuple[float, float, float, float]) -> Placed:
        """A free place for a district of that frame (own metres), which is then taken.

        Raises ChigaiError when none is found.
        """
        shape = self._counties[county]
        shapely.prepare(shape)
        rng = self._rngs.setdefault(county, np.random.default_rng([self._seed, int(county)]))
        x0, y0, x1, y1 = frame
        middle = ((x0 + x1) / 2, (y0 + y1) / 2)
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) - middle
        u, v = (corners + np.sign(corners) * _APART / 2).T
        near = np.array([t for t in self.taken if shape.intersects(t)], dtype=object)
        for points, angles in self._spots(rng, shape):
            c, s = np.cos(angles)[:, None], np.sin(angles)[:, None]
            ring = np.stack([c * u - s * v + points[:, :1], s * u + c * v + points[:, 1:]], axis=-1)
            land = shapely.polygons(ring)
            free = shapely.contains_properly(shape, land)
            if len(near) and free.any():
                free[free] = ~shapely.intersects(land[free][:, None], near[None, :]).any(axis=1)
            if free.any():
                k = int(np.flatnonzero(free)[0])
                self.taken.append(land[k])
                bend, wave, phase = rng.uniform(6, 18, 2), rng.uniform(2500, 4500, 2), rng.uniform(0, 6.28, 2)
                return Placed(
                    east=float(points[k, 0]),
                    north=float(points[k, 1]),
                    angle=float(angles[k]),
                    bend=(float(bend[0]), float(bend[1])),
                    wave=(float(wave[0]), float(wave[1])),
                    phase=(float(phase[0]), float(phase[1])),
                    middle=middle,
                )
        raise ChigaiError(
            "要求的地块太多，县界以内放不下这么多灌区。",
            "So many parcels find no room inside the county boundaries.",
            do_zh="请减少地块数目。",
            do_en="Ask for fewer parcels.",
        )

    def _spots(self, rng: Rng, county: shapely.Polygon) -> Iterator[tuple[Floats, Floats]]:
        """Places to try and directions there, in batches: near the valley and along it first."""
        x0, y0, x1, y1 = county.bounds
        for turn in range(_ROUNDS):
            points = rng.uniform([x0, y0], [x1, y1], (3000, 2))
            points = points[shapely.contains_xy(county, points[:, 0], points[:, 1])]
            far = shapely.distance(self._valley, shapely.points(points))
            # a random order in which a place is the likelier to come first the nearer it lies (Gumbel's trick)
            points = points[np.argsort((far / 8000) ** 2 - rng.gumbel(size=len(points)), kind="stable")]
            for start in range(0, len(points), _BATCH):
                some = points[start : start + _BATCH]
                at = shapely.line_locate_point(self._valley, shapely.points(some))
                before, after = (
                    shapely.get_coordinates(shapely.line_interpolate_point(self._valley, at + d))
                    for d in (-3000.0, 3000.0)
                )
                along = np.arctan2(*(after - before).T[::-1])
                # where room is scarce, any direction will do
                yield some, along + rng.normal(0, 0.15 + 0.4 * turn, len(some))
