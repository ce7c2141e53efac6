"""Which pages there are, and who finds them in the navigation: a line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracking.desk import ACTION_OF, Desk


@dataclass(frozen=True)
class Entry:
    """A page in the navigation: its file, and who finds it there."""

    file: str
    open_to: Callable[[Desk], bool]


def somewhere(*actions: str) -> Callable[[Desk], bool]:
    """Open to whoever may do one of these in any county."""
    return lambda desk: any(desk.somewhere(action) for action in actions)


PAGES = {
    "overview": Entry("overview.py", somewhere("see")),
    "parcels": Entry("parcels.py", somewhere("plan")),
    "plan": Entry("plan.py", somewhere("see")),
    "edit": Entry("edit.py", somewhere("plan")),
    "targets": Entry("targets.py", somewhere("see")),
    "field": Entry("field.py", somewhere(*ACTION_OF.values())),
    "ledger": Entry("ledger.py", somewhere("see_ledger")),
    "people": Entry("people.py", lambda desk: desk.may("manage_users")),
}
