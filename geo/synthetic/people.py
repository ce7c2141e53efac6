"""Invented names, codes, operators and wishes for the paddies of an invented irrigation district."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geo.synthetic.layout import Floats, Ints, Layout, Rng

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
)
_MALE = "建国志强永福德明春海凤山玉林长江文彬树军立新宝成庆丰万有金龙少华东升世昌洪波利民"
_FEMALE = "桂芳秀兰淑珍丽娟玉梅凤霞春艳红英秋菊晓燕亚琴素云慧敏雪莲彩萍静茹"
_PLACES = "永兴丰安富胜和平向阳新发宝福长庆德荣裕民朝东团结建光太利金星红旗先锋前进友谊明义仁双龙泉清河"
PRIORITIES = ("demonstration", "tourism", "water_works_complete")


@dataclass(frozen=True)
class Society:
    """Columns of the paddies of a district, as Arrow arrays; consent as it is recorded (null: nobody asked)."""

    code: Ints  # the 19 digits of the parcel's code
    township: pa.Array
    village: pa.Array
    operator: pa.Array
    consent: pa.Array
    priority: pa.Array


def names(rng: Rng, count: int, ending: str) -> list[str]:
    """So many different names of two characters and an ending: 永丰村, 向阳灌区."""
    letters = sorted(set(_PLACES))
    pick = rng.permutation(len(letters) ** 2)
    pairs = [
        letters[i // len(letters)] + letters[i % len(letters)]
        for i in pick
        if i // len(letters) != i % len(letters)
    ]
    rounds = -(-count // len(pairs))
    plain = [p + ending for p in pairs]
    return [name if k == 0 else f"{name[:2]}{k + 1}{ending}" for k in range(rounds) for name in plain][:count]


def society(
    rng: Rng, plan: Layout, adcode: str, township: tuple[int, str], villages: list[str], first_village: int
) -> Society:
    """Who farms what. Villages take some nine strips each, households one to fifteen paddies in a row.

    villages: names to take from, in order. first_village: number of the first of them in its township.
    """
    n = len(plan.strip)
    strips = len(plan.strips.x0)
    # a village's edge may cut a strip: then its far end belongs to the next one
    of_strip = np.minimum(np.arange(strips) // 9, len(villages) - 2)
    split = rng.random(strips) < 0.06
    x = plan.corners[:, :, 0].mean(axis=1)
    far = x > ((plan.strips.x0 + plan.strips.x1) / 2)[plan.strip]
    village = of_strip[plan.strip] + (split[plan.strip] & far)
    group = np.arange(strips)[plan.strip] % 9 // 3 + 1

    operator, text = _operators(rng, plan, village, villages)
    order = np.argsort(village, kind="stable")
    counts = np.bincount(village)
    number = np.empty(n, dtype=np.int64)
    number[order] = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    code = (
        int(adcode) * 10**13
        + township[0] * 10**10
        + (first_village + village + 1) * 10**7
        + group * 10**5
        + number
    )
    agreed = rng.choice(3, len(text), p=[0.925, 0.035, 0.04])
    agreed = np.where(np.char.find(np.array(text, dtype=str), "合作社") >= 0, 0, agreed)[operator]
    wish = rng.choice(4, strips, p=[0.89, 0.035, 0.015, 0.06])[plan.strip]
    return Society(
        code=code,
        township=pa.array([township[1]]).take(pa.array(np.zeros(n, dtype=np.int32))),
        village=pa.array(villages).take(pa.array(village)),
        operator=pa.array(text).take(pa.array(operator)),
        consent=pa.array(agreed == 0, mask=agreed == 2),
        priority=pa.array([None, *PRIORITIES], type=pa.string()).take(pa.array(wish)),
    )


def _operators(rng: Rng, plan: Layout, village: Ints, villages: list[str]) -> tuple[Ints, list[str]]:
    """Number of the operator of each paddy, and the operators' names, no two alike in a district."""
    n = len(plan.strip)
    # runs along a row: a new household where the last one's paddies end, the row ends or the village ends
    mean = 4.5
    run = np.minimum(rng.geometric(1 / mean, n), 15)
    ends = np.cumsum(run)
    starts = np.zeros(n, dtype=bool)
    starts[0] = True
    starts[ends[ends < n]] = True
    starts[1:] |= (plan.row[1:] != plan.row[:-1]) | (village[1:] != village[:-1])
    household = np.cumsum(starts) - 1
    households = int(household[-1]) + 1

    # one strip in twelve, often with the next, is farmed whole by a cooperative, a farm or a big grower
    strips = len(plan.strips.x0)
    begins = rng.random(strips) < 0.06
    company = np.cumsum(begins)
    whole = begins | (np.append(False, begins[:-1]) & (rng.random(strips) < 0.5))
    operator = np.where(whole[plan.strip], households + company[plan.strip], household)
    text = _people(rng, households)
    for k, place in enumerate(names(rng, int(company[-1]) + 1, "")):
        ending = ("水稻种植专业合作社", "家庭农场", "农机专业合作社")[k % 3]
        text.append(place + ending)
    return operator, text


def _people(rng: Rng, count: int) -> list[str]:
    """Names of people who do not exist: surname and two characters."""
    given = [a + b for letters in (_MALE, _FEMALE) for a in letters for b in letters if a != b]
    total = len(SURNAMES) * len(given)
    pick = rng.choice(total, count, replace=count > total)
    return [SURNAMES[i % len(SURNAMES)] + given[i // len(SURNAMES)] for i in pick]


def declared(rng: Rng, area_mu: Floats) -> NDArray[np.float64]:
    """What the register says, mu to two decimals: off by about one percent, never by five."""
    value = np.round(area_mu * (1 + np.clip(rng.normal(0, 0.01, len(area_mu)), -0.03, 0.03)), 2)
    # two decimals of a tiny paddy are already too coarse
    return np.where(np.abs(value - area_mu) > 0.04 * area_mu, np.round(area_mu, 4), value)
