"""Figures as a planner reads them: with their unit, thousands apart, no more digits than are known."""

from __future__ import annotations

import math
from datetime import datetime

from tracking import targets

NONE = "–"


def plain(value: float, digits: int = 0) -> str:
    """A number with thousands apart; a value that rounds to nothing has no minus."""
    if not math.isfinite(value):
        return NONE
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def area_digits(value: float) -> int:
    """Decimals for an area in mu: tenths below 100, hundredths below 1."""
    return 0 if abs(value) >= 100 or value == 0 else 1 if abs(value) >= 1 else 2


def mu(value: float | None, lang: str, unit: bool = True) -> str:
    """An area in mu."""
    if value is None or not math.isfinite(value):
        return NONE
    number = plain(value, area_digits(value))
    return f"{number} {'亩' if lang == 'zh' else 'mu'}" if unit else number


def mu_range(low: float | None, high: float | None, lang: str, unit: bool = True) -> str:
    """A range of areas in mu; one number where both ends are the same."""
    if low is None:
        return NONE
    if high is None or high == low:
        return mu(low, lang, unit)
    return f"{plain(low)}–{mu(high, lang, unit)}"


def money(yuan: float | None, lang: str, unit: bool = True) -> str:
    """An amount given in yuan: as 万元 in Chinese, in thousands of yuan in English."""
    if yuan is None or not math.isfinite(yuan):
        return NONE
    value = yuan / (10_000 if lang == "zh" else 1_000)
    number = plain(value, 1 if abs(value) < 1000 else 0)
    return f"{number} {'万元' if lang == 'zh' else 'k yuan'}" if unit else number


def volume(cubic_metres: float | None, unit: bool = True) -> str:
    """Earth in m³."""
    if cubic_metres is None or not math.isfinite(cubic_metres):
        return NONE
    number = plain(cubic_metres)
    return f"{number} m³" if unit else number


def percent(share: float | None, digits: int = 1) -> str:
    """A share, 0 to 1, in percent; never rounded up to 100 nor down to 0 while it is neither."""
    if share is None or not math.isfinite(share):
        return NONE
    value = share * 100
    if 0 < share < 1:
        step = 10.0**-digits
        value = min(max(value, step), 100 - step)
    return f"{plain(value, 0 if share in (0, 1) else digits)} %"


def moment(utc_iso: str) -> str:
    """A stored moment as date and time in Jixi."""
    return f"{targets.local(utc_iso):%Y-%m-%d %H:%M}"


def span(started: str, ended: str | None, lang: str) -> str:
    """Time between two stored moments, in seconds or minutes and seconds."""
    end = datetime.fromisoformat(ended) if ended else datetime.now(tz=targets.LOCAL)
    minutes, seconds = divmod(max(int((end - datetime.fromisoformat(started)).total_seconds()), 0), 60)
    minute, second = ("分", "秒") if lang == "zh" else ("min", "s")
    return f"{minutes} {minute} {seconds} {second}" if minutes else f"{seconds} {second}"
