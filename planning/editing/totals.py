"""What plan.json would say once field units are changed: the plan's own figures, and what the changes add to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planning.explain import prices_of
from planning.tally import Tally, added, with_change

Changes = Mapping[int, Mapping[str, Tally]]
"""By field unit and county: what the sums are more than in the plan (`effect.change_of`)."""


def by_county(changes: Changes) -> dict[str, Tally]:
    """The changes of each county together, field units in their order: the same sum whoever adds it up."""
    counties = sorted({county for of in changes.values() for county in of})
    return {c: added([changes[n][c] for n in sorted(changes) if c in changes[n]]) for c in counties}


def after(meta: Mapping[str, Any], changes: Changes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(rows of the counties, totals) of plan.json after the changes; without any, as they are to the last digit.

    Sites and what is told of them are those of the plan: they are chosen anew when a plan is written.
    """
    prices, moved = prices_of(meta), by_county(changes)
    rows = [with_change(row, moved.get(str(row["county"]), {}), prices) for row in meta["counties"]]
    return rows, with_change(meta["totals"], added(list(moved.values())), prices)
