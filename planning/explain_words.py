"""What is told of a block, its rules and its alternatives, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geo.errors import ChigaiError

Pair = tuple[str, str]

TERMS: dict[str, Pair] = {
    "earthwork": ("土方", "earth"),
    "ridges": ("保留田埂", "ridges kept"),
    "shape": ("形状", "shape"),
    "operators": ("多户", "operators"),
}
STOPS: dict[str, Pair] = {
    "step": ("高差超限", "the step would be too large"),
    "maximum": ("超过单池上限", "it would pass the largest block"),
    "apart": ("会断成不相连的两片", "a block would fall to pieces"),
}
RULES: dict[str, Pair] = {
    "step": ("池内高差", "Step inside"),
    "maximum": ("单池上限", "Largest block"),
    "minimum": ("单池下限", "Smallest block"),
    "apart": ("须连成一片", "In one piece"),
    "barrier": ("渠、沟、路、林带", "Canal, ditch, road or shelterbelt"),
    "county": ("县（市、区）界", "County border"),
    "district": ("灌区界", "Border of the irrigation district"),
    "village": ("村界", "Village border"),
    "consent": ("农户未同意", "Consent refused"),
    "level": ("没有高程", "No level known"),
}
NAMED = 3
"""So many parcels are named in a sentence."""


def no_such_block(block_id: str, folder: Path) -> ChigaiError:
    return ChigaiError(
        f"方案里没有大池“{block_id}”。",
        f"The plan has no block {block_id!r}.",
        do_zh="编号见地图、导出的表，形如 B230381-00001。",
        do_en="the map and the exports have the ids, such as B230381-00001.",
        file=folder,
    )


def block(e: Mapping[str, Any]) -> Pair:
    """What the block is, and whether a single change would be better."""
    if e["n_parcels"] == 1:
        zh = f"{e['block_id']}：1 个小池，{e['area_mu']:.1f} 亩，单独达到单池下限，保持原状"
        en = f"{e['block_id']}: one parcel of {e['area_mu']:.1f} mu that reaches the minimum by itself and stays as it is"
        return _ended(e, zh, en)
    zh = f"{e['block_id']}：{e['n_parcels']} 个小池合成 {e['area_mu']:.1f} 亩"
    en = f"{e['block_id']}: {e['n_parcels']} parcels joined to {e['area_mu']:.1f} mu"
    if e["design_level_m"] is not None:
        zh += f"，设计高程 {e['design_level_m']:.2f} m，挖 {e['cut_m3']:,.0f} m³、填 {e['fill_m3']:,.0f} m³"
        en += f", design level {e['design_level_m']:.2f} m, cut {e['cut_m3']:,.0f} m³, fill {e['fill_m3']:,.0f} m³"
        if e["cut_m3"] > 0:
            zh += f"，平均运 {e['haul_mean_m']:.0f} m"
            en += f", hauled {e['haul_mean_m']:.0f} m on average"
    split = [(TERMS[t], yuan) for t, yuan in e["cost"].items() if round(yuan)]
    zh += f"；费用 {e['cost_yuan']:,.0f} 元" + _inside(
        "（", "，", "）", [f"{t[0]} {y:,.0f}" for t, y in split]
    )
    en += f"; cost {e['cost_yuan']:,.0f} yuan" + _inside(
        " (", ", ", ")", [f"{t[1]} {y:,.0f}" for t, y in split]
    )
    return _ended(e, zh, en)


def _ended(e: Mapping[str, Any], zh: str, en: str) -> Pair:
    if not e["next_best"]:
        return f"{zh}。规则不允许任何单项改动。", f"{en}. The rules allow no single change."
    if e["better"]:
        return (
            f"{zh}。有 {e['better']} 种单项改动更好。",
            f"{en}. {_count(e['better'], 'single change')} would be better.",
        )
    return f"{zh}。没有更好的单项改动。", f"{en}. No single change is better."


def change(c: Mapping[str, Any], block_id: str) -> Pair:
    """What is changed, what it costs more or less, and which rule forbids it."""
    zh, en = _doing(c)
    if c["rule"] is not None:
        return f"{zh}：不可以，{STOPS[c['rule']][0]}", f"{en}: not allowed, {STOPS[c['rule']][1]}"
    money, area = round(c["cost_yuan"]), c["area_mu"]
    parts = [
        (TERMS[t], round(yuan))
        for t, yuan in sorted(c["cost"].items(), key=lambda item: -abs(item[1]))
        if round(yuan)
    ]
    zh += "：" + ("费用相同" if money == 0 else f"费用{'多' if money > 0 else '省'} {abs(money):,} 元")
    en += ": " + ("the same cost" if money == 0 else f"{abs(money):,} yuan {'more' if money > 0 else 'less'}")
    if len(parts) > 1:
        zh += _inside("（", "，", "）", [f"{t[0]} {_signed(y)}" for t, y in parts])
        en += _inside(" (", ", ", ")", [f"{t[1]} {_signed(y)}" for t, y in parts])
    if abs(area) < 0.005:
        return f"{zh}，达标面积不变", f"{en}, the same area in blocks"
    more = area > 0
    zh += f"，达标面积{'多' if more else '少'} {abs(area):.2f} 亩"
    en += f", {abs(area):.2f} mu {'more' if more else 'less'} in blocks"
    if c["ends_a_block"]:
        other = c["other"] or block_id
        zh += f"（{other} 因此不足单池下限）" if c["kind"] != "give" else "（余下的不足单池下限）"
        en += (
            f" ({other} falls below the minimum)"
            if c["kind"] != "give"
            else " (the rest falls below the minimum)"
        )
    return zh, en


def rule(r: Mapping[str, Any]) -> Pair:
    """How near the block is to a rule, and what the rule keeps out."""
    zh, en = RULES[r["rule"]]
    n = r["stops"]
    if r["value"] is not None:
        digits = 2 if r["unit"] == "m" else 1
        unit = ("m", "m") if r["unit"] == "m" else ("亩", "mu")
        zh += f"：现为 {r['value']:.{digits}f} {unit[0]}，限 {r['limit']:.{digits}f} {unit[0]}"
        en += f": {r['value']:.{digits}f} {unit[1]} of {r['limit']:.{digits}f} {unit[1]}"
    if n == 0:
        return f"{zh}，没有起作用", f"{en}; it stops nothing"
    if r["rule"] == "minimum":
        return f"{zh}，有 {n} 个小池划走就不够了", f"{en}; {n} of its parcels cannot leave"
    if r["rule"] in ("maximum", "apart"):
        return f"{zh}，挡住 {n} 种改法", f"{en}; it forbids {_count(n, 'change')}"
    return f"{zh}，挡住 {n} 个相邻小池", f"{en}; it keeps {_count(n, 'neighbouring parcel')} out"


def _doing(c: Mapping[str, Any]) -> Pair:
    ids, other = c["parcels"], c["other"]
    named = "、".join(ids[:NAMED]) + (f" 等 {len(ids)} 个小池" if len(ids) > NAMED else "")
    listed = ", ".join(ids[:NAMED]) + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")
    said: dict[str, Pair] = {
        "take": (f"把 {other} 的小池 {named} 划进来", f"take parcel {listed} from {other}"),
        "take_loose": (f"把没有合并的小池 {named} 并进来", f"take in parcel {listed}, which is in no block"),
        "give": (f"把小池 {named} 划给 {other}", f"give parcel {listed} to {other}"),
        "release": (f"把小池 {named} 留在外面", f"leave out parcel {listed}"),
        "join": (f"与 {other} 合成一池", f"join it with {other}"),
        "split": (f"分成两池，{named} 另成一池", f"split it in two, {listed} on its own"),
        "dissolve": ("不合并，维持原状", "leave all its parcels as they are"),
    }
    return said[c["kind"]]


def _signed(yuan: int) -> str:
    return f"{yuan:+,}".replace("-", "−")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _inside(start: str, between: str, end: str, items: list[str]) -> str:
    return f"{start}{between.join(items)}{end}" if items else ""
