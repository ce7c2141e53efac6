"""What plans and parcels are called on the screen; in a list to choose from, no two of them alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geo import plans
from geo.errors import ChigaiError
from planning.inputs import DEMO
from ui import numbers
from ui.text import Words

SHORT_ID = 6
"""So many characters of the end of an id tell apart what else is called the same."""


def data_name(name: str, t: Words) -> str:
    """What data go by on the screen: the demo region in the page's language, any other by the file's name."""
    return t("read.demo_name") if name == DEMO else name


def short(name: str) -> str:
    """A name that leaves room for what stands after it: its beginning and its end."""
    return name if len(name) <= 24 else f"{name[:12]}…{name[-11:]}"


def plan_name(meta: Mapping[str, Any], t: Words) -> str:
    """What a plan is called, or else what it is made from."""
    return data_name(plans.title(meta), t)


def plan_labels(metas: Iterable[Mapping[str, Any]], t: Words) -> dict[str, str]:
    """The plans of a list by their folders, no two of them called the same."""
    return distinct({str(meta["folder"]): plan_label(meta, t) for meta in metas})


def followed_labels(home: Path, followed: pd.DataFrame, t: Words) -> dict[str, str]:
    """The plans that are reported on (`Desk.plans`) by their ids, no two of them called the same; one whose folder is
    gone goes by the folder's name."""
    labels = {}
    for plan, created, folder in zip(followed["id"], followed["created"], followed["name"], strict=True):
        try:
            labels[str(plan)] = plan_label(plans.read_meta(home / "plans" / str(folder)), t)
        except ChigaiError:
            labels[str(plan)] = f"{created:%Y-%m-%d} · {short(str(folder))}"
    return distinct(labels)


def distinct(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels by id, for a list to choose from: equal ones get the end of their id, and the whole of it where that is
    not enough. A list of Streamlit's takes the first of equal ones, whichever is clicked."""
    out = dict(labels)
    for end in (SHORT_ID, None):
        counted = Counter(out.values())
        tail = {i: i[-end:] if end else i for i in out}
        out = {i: f"{labels[i]} · {tail[i]}" if counted[label] > 1 else label for i, label in out.items()}
    return out


def plan_label(meta: Mapping[str, Any], t: Words) -> str:
    """A plan in a list: when it was made, from what, how much it reaches."""
    area = numbers.mu(meta.get("totals", {}).get("compliant_mu"), t.lang)
    return " · ".join(
        filter(None, [numbers.moment(meta["created"]), short(plan_name(meta, t) or str(meta["id"])), area])
    )


def parcels_labels(sets: Iterable[Mapping[str, Any]], t: Words) -> dict[str, str]:
    """The sets of checked parcels of a list by their ids, no two of them called the same."""
    return distinct({str(manifest["id"]): parcels_label(manifest, t) for manifest in sets})


def parcels_label(manifest: Mapping[str, Any], t: Words) -> str:
    """A set of checked parcels in a list."""
    area = numbers.mu(manifest["area"]["usable_mu"], t.lang)
    return f"{short(data_name(manifest['name'], t))} · {area} · {numbers.moment(manifest['created'])}"
