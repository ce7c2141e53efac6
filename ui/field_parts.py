"""What 上报 and 台账 both show: a block as a card, a report as a line of its story, photos with their flags."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import pandas as pd

from planning.programme import Programme
from tracking.desk import Desk
from tracking.people import LOCAL as LOCAL_USER
from tracking.rules import FIGURES
from tracking.targets import LOCAL
from ui import maps, numbers, palette, parts, safe
from ui.text import Words


@dataclass(frozen=True)
class Visit:
    """One run of a page, with one desk for all of it: whoever is signed in is asked for once."""

    lang: str
    t: Words
    programme: Programme
    desk: Desk

    @classmethod
    def of(cls, ctx: parts.Context) -> Visit:
        """The visit of this run."""
        return cls(ctx.lang, ctx.t, ctx.programme, ctx.desk)

    @property
    def counties(self) -> dict[str, str]:
        """The names of the programme's counties by code."""
        return {u.adcode: u.name_zh if self.lang == "zh" else u.name_en for u in self.programme.units}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table."""
    return cast(list[dict[str, Any]], frame.to_dict("records"))


def photo_url(sha: str, small: bool = False) -> str:
    """The address of a photo; small: as the little picture of a list."""
    return f"{maps.ROOT}/photo/{sha}" + ("?w=320" if small else "")


def moment(value: datetime, t: Words, now: datetime | None = None) -> str:
    """A moment on the clock of Jixi: the time alone where it is of today."""
    local = value.astimezone(LOCAL)
    today = (now or datetime.now(LOCAL)).astimezone(LOCAL).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    return t("ledger.moment", month=local.month, day=local.day, time=f"{local:%H:%M}") if (
        local.year == today.year
    ) else f"{local:%Y-%m-%d %H:%M}"  # fmt: skip


def state_mark(state: str, t: Words) -> str:
    """Where a block stands, as colour, sign and word: safe HTML."""
    # what is not begun is pale on a map, too pale for a sign
    look = palette.WORK[state] if state in palette.WORK and state != "planned" else palette.TARGETS["no_data"]
    return parts.mark(look, t.lang, t(f"work.{state}"))


def block_card(row: Mapping[str, Any], t: Words) -> str:
    """A block: its name, area, village, how far away, where it stands and how much is done. Safe HTML."""
    where = safe.text(row["village"] or t("field.no_village"))
    far = row.get("distance_m")
    away = "" if far is None or pd.isna(far) else distance(float(far), t)
    area, done, state = float(row["area_mu"]), float(row["done_mu"]), str(row["state"])
    bar = ""
    if state == "started" and done > 0:
        told = t("field.done_of", done=numbers.mu(done, t.lang, False), area=numbers.mu(area, t.lang))
        bar = f'{parts.share_bar(done, 0, area)}<span class="cg-done">{safe.text(told)}</span>'
    return (
        f'<div class="cg-block"><b>{safe.text(row["block_id"])}</b>'
        f'<span class="cg-area">{safe.text(numbers.mu(area, t.lang))}</span>'
        f'<span class="cg-where">{state_mark(state, t)} · {where}</span>'
        f'<span class="cg-far">{safe.text(away)}</span>{bar}</div>'
    )


def distance(metres: float, t: Words) -> str:
    """How far away a block is, in as many digits as a phone's position is good for."""
    if metres >= 1000:
        return t("field.away_km", km=numbers.plain(metres / 1000, 1))
    return t("field.away", metres=numbers.plain(round(metres, -1)))


def figures(row: Mapping[str, Any], t: Words) -> str:
    """What a report says beside its kind, in words: safe HTML."""
    lang, said = t.lang, []
    if not pd.isna(row.get("of", math.nan)):
        said.append(safe.text(t("ledger.correction_of", n=numbers.plain(row["of"]))))
    told: tuple[tuple[str, Callable[[Any], str]], ...] = (
        ("passed", lambda v: t("field.passed_yes") if v else t("field.passed_no")),
        ("given", lambda v: t("field.given_yes") if v else t("field.given_no")),
        ("operator", str),
        ("done_mu", lambda v: t("ledger.done", area=numbers.mu(v, lang))),
        ("measured_mu", lambda v: t("ledger.measured", area=numbers.mu(v, lang))),
        ("level_points", lambda v: t("ledger.points", n=numbers.plain(v))),
        ("inspector", lambda v: t("ledger.inspector", name=v)),
        ("measure", str),
        ("units", lambda v: t("ledger.units", n=numbers.plain(v, 1))),
        ("reason", str),
        ("note", str),
    )
    for name, shown in told:
        value = row.get(name)
        if value is not None and value != "" and not pd.isna(value):
            said.append(safe.text(shown(value)))
    return " · ".join(said)


def who(row: Mapping[str, Any], t: Words) -> str:
    """The one who reported, by name where it is a user of ours."""
    name, actor = row.get("name"), str(row["actor"])
    if actor == LOCAL_USER.id:
        return t("ledger.this_machine")
    return name if isinstance(name, str) and name else actor


def names(visit: Visit, plan_id: str | None) -> dict[str, str]:
    """Those who reported, by id, as `who` calls them."""
    return {row["actor"]: who(row, visit.t) for row in records(visit.desk.reporters(plan_id))}


def files_of(row: Mapping[str, Any]) -> list[str]:
    """The photos that a report names."""
    found = json.loads(row["files"] or "[]")
    return [str(sha) for sha in found]


def story_line(row: Mapping[str, Any], t: Words, pictures: str = "") -> str:
    """One report in a block's story: safe HTML."""
    void = f' <span class="cg-flag">{safe.text(t("ledger.voided"))}</span>' if row.get("void") else ""
    more = figures(row, t)
    facts = [moment(row["happened"], t), who(row, t), t("field.number", n=numbers.plain(row["seq"]))]
    return (
        f"<li><b>{safe.text(t('kind.' + row['kind']))}</b>{void}{' · ' if more else ''}{more}"
        f"<small>{safe.text(' · '.join(facts))}</small>{pictures}</li>"
    )


def story(frame: pd.DataFrame, t: Words, flags: Mapping[str, Iterable[str]] | None = None) -> str:
    """A block's reports, the last first: safe HTML."""
    rows = records(with_corrected(marked_void(frame)))
    lines = [story_line(row, t, photos(files_of(row), t, flags or {})) for row in rows]
    return f'<ul class="cg-story">{"".join(lines)}</ul>'


def with_void(corrections: pd.DataFrame) -> pd.DataFrame:
    """Corrections with `void`: whether they take the report away, as one without any figures does."""
    return corrections.assign(void=corrections[list(FIGURES)].isna().all(axis=1))


def marked_void(frame: pd.DataFrame) -> pd.DataFrame:
    """The reports with `void`: whether the last correction of each took it out, as far as they are listed here."""
    fixes = with_void(frame[frame["kind"] == "correction"]).sort_values("seq")
    void = dict(zip(fixes["corrects"], fixes["void"], strict=True))
    return frame.assign(void=[bool(void.get(i, False)) for i in frame["id"]])


def with_corrected(frame: pd.DataFrame) -> pd.DataFrame:
    """The reports with `of`: of a correction the number of what it corrects, where that is listed here too."""
    numbered = dict(zip(frame["id"], frame["seq"], strict=True))
    return frame.assign(of=[float(numbered.get(i, math.nan)) for i in frame["corrects"]])


def photos(shas: Iterable[str], t: Words, flags: Mapping[str, Iterable[str]]) -> str:
    """Little pictures that open the photo, each with what is odd about it: safe HTML."""
    found = [
        f'<a class="cg-photo" href="{safe.text(photo_url(sha))}" target="_blank" rel="noopener">'
        f'<img src="{safe.text(photo_url(sha, small=True))}" loading="lazy" alt="{safe.text(t("ledger.photo"))}">'
        + "".join(f'<span class="cg-flag">⚑ {safe.text(flag)}</span><br>' for flag in flags.get(sha, ()))
        + "</a>"
        for sha in shas
    ]
    return f'<div class="cg-photos">{"".join(found)}</div>' if found else ""


def flags_by_photo(frame: pd.DataFrame, t: Words) -> dict[str, list[str]]:
    """What tracking.photos.flags found, in few words by photo."""
    found: dict[str, list[str]] = {}
    for row in records(frame):
        metres = "" if pd.isna(row["metres"]) else distance(float(row["metres"]), t)
        said = t(f"flag.{row['flag']}", metres=metres)
        if said not in found.setdefault(str(row["sha"]), []):
            found[str(row["sha"])].append(said)
    return found
