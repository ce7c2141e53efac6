"""The app with a small plan in its database, pages opened without a browser, and whoever one wants signed in."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.tracking.conftest import HULIN, MISHAN, report
from tracking import ledger
from tracking.desk import Desk
from tracking.people import LOCAL, Person
from tracking.rules import Event
from tracking.store import Store
from ui import field_block, parts, sign_in

MAIN = Path(parts.__file__).with_name("main.py")
TRICK = "<img src=x onerror=window.pwned=1>${window.pwned=1}{{7*7}}`"
TEAM = Person("team", "王队长", "field", frozenset({HULIN}))
OFFICIAL = Person("boss", "李科长", "official", frozenset({HULIN}))
PLANNER = Person("plan", "赵工", "planner", None)
VIEWER = Person("guest", "访客", "viewer", None)
__all__ = ["HULIN", "LOCAL", "MISHAN", "OFFICIAL", "PLANNER", "TEAM", "TRICK", "VIEWER", "Office", "words"]


class Office:
    """One database behind the app."""

    def __init__(self, store: Store, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.store, self.home, self._patch = store, home, patch
        field_block.shelf.clear()

    def sign_in(self, person: Person) -> None:
        """From now on it is this person who looks at the pages."""
        self._patch.setattr(sign_in, "person", lambda cookies: person)

    def desk(self, person: Person = LOCAL) -> Desk:
        return Desk(self.store, person, self.home)

    def approve(self) -> None:
        self.report("plan_approved", 0, "", "official")

    def report(self, kind: str, day: int, block: str, actor: str, **figures: Any) -> Event:
        """Put an event into the ledger past the pages; it is taken."""
        event = report(kind, day, block, actor, **figures)
        receipt = ledger.append(self.store, [event])[0]
        assert receipt.status == "accepted", receipt.en
        return replace(event, received=None)

    def open(self, page: str, person: Person | None = None, **query: str) -> AppTest:
        """A page as it is first drawn for an address."""
        if person is not None:
            self.sign_in(person)
        at = AppTest.from_file(str(MAIN), default_timeout=30)
        at.query_params["lang"] = query.pop("lang", "zh")
        at.run()
        for name, value in query.items():
            at.query_params[name] = value
        at.switch_page(f"{page}.py").run()
        assert not at.exception
        return at


def words(at: AppTest) -> str:
    """All that a page says: its HTML without tags, captions, labels of buttons and boxes."""
    bodies = [e.proto.body for e in at.get("html") if not e.proto.body.lstrip().startswith(("<style", "/*"))]
    said = [re.sub(r"<[^>]+>", " ", body) for body in bodies]
    labels = [w.label for kind in ("button", "number_input", "text_input", "text_area") for w in at.get(kind)]
    return "\n".join([*said, *(c.value for c in at.caption), *labels]).replace("\u00a0", " ")


def html(at: AppTest) -> str:
    """The HTML that a page puts on the screen."""
    return "".join(e.proto.body for e in at.get("html"))
