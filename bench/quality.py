"""A plan beside a plain greedy joining of the very same paddies: area in blocks, and earth moved per mu.

    python -m bench.quality PLAN_DIR [PLAN_DIR ...]

The plan puts area before cost, so it also joins paddies on steeper ground, which greedy joining leaves out;
the third figure is what it moves at the greedy joining's own area, its blocks of most earth per mu left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bench.speed import greedy
from geo import plans


def at_area(parcels_mu: np.ndarray, cut_m3: np.ndarray, area_mu: float) -> float:
    """Cut per mu, m³, of the blocks of least earth per mu that together hold `area_mu`."""
    order = np.argsort(cut_m3 / parcels_mu, kind="stable")
    area = np.cumsum(parcels_mu[order])
    n = int(np.searchsorted(area, area_mu)) + 1
    return float(cut_m3[order][:n].sum() / parcels_mu[order][:n].sum())


def main() -> None:
    print("plan | area in blocks: chigai, greedy, bound | cut m³/mu: chigai, greedy, chigai at greedy's area")
    for name in sys.argv[1:]:
        plan = plans.read(Path(name))
        _, share, cut = greedy(plan)
        b = plan.blocks
        total = plan.meta["totals"]
        same = at_area(b.parcels_mu.to_numpy(), b.cut_m3.to_numpy(), share * total["parcels_mu"])
        print(
            f"{Path(name).name} | {total['share']:.4f} {share:.4f} {total['bound_share']:.4f} | "
            f"{b.cut_m3.sum() / b.parcels_mu.sum():.2f} {cut:.2f} {same:.2f}"
        )


if __name__ == "__main__":
    main()
