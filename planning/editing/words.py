"""What is told of a change by hand and of what forbids it, in Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence

Pair = tuple[str, str]

KINDS: dict[str, Pair] = {
    "join": ("合并", "join"),
    "split": ("拆分", "split"),
    "move": ("移到邻池", "move to the neighbour"),
    "take_out": ("移出", "take out"),
    "put_back": ("放回", "put back"),
    "lock": ("锁定", "lock"),
    "unlock": ("解锁", "unlock"),
    "replan": ("重新优化", "re-plan around"),
}
"""The changes, as buttons and history call them."""

FORBIDDEN: dict[str, Pair] = {
    "consent": ("农户不同意{at}", "consent is refused{at}"),
    "level": ("没有高程，高差无法核对{at}", "no level is known{at}"),
    "step": ("池内高差 {value} m，超过上限 {limit} m{at}", "a step of {value} m inside, at most {limit} m{at}"),
    "maximum": ("合并后 {value} 亩，超过单池上限 {limit} 亩", "{value} mu together, the largest block is {limit} mu"),
    "barrier": ("中间隔着固定的渠、沟、路或林带{at}", "a fixed canal, ditch, road or shelterbelt lies between{at}"),
    "apart": ("不相连，会断成几片{at}", "it would be in pieces{at}"),
    "county": ("跨县（市、区）界{at}", "it crosses a county border{at}"),
    "district": ("跨灌区界{at}", "it crosses the border of an irrigation district{at}"),
    "village": ("跨村界{at}", "it crosses a village border{at}"),
    "locked": ("已锁定{at}", "it is locked{at}"),
    "not_here": ("这个条田单元里没有{at}", "not in this field unit{at}"),
    "other_unit": ("在另一个条田单元：中间隔着渠、沟、路，或超过田埂宽度{at}", "in another field unit, beyond a canal, a road or more than a ridge{at}"),
    "nothing": ("没有选中小池或大池", "no parcel and no block is selected"),
    "no_target": ("没有说移到哪个大池", "it is not said which block to move to"),
    "one_block": ("拆分要在一个大池里选，且不能是全部小池", "a split takes some parcels of one block, not all of them"),
    "one": ("至少要两个小池或大池", "it takes two parcels or blocks at least"),
    "line": ("这条线没有把大池分成两边", "the line does not part the block in two"),
    "in_none": ("不在任何大池里{at}", "it lies in no block{at}"),
    "not_out": ("没有被移出过{at}", "it was not taken out{at}"),
    "gone": ("原来的大池已不在，请直接合并{at}", "its block is gone: join it instead{at}"),
    "same": ("没有变化", "nothing would change"),
    "no_better": ("现在的分法已是最好，没有变化", "nothing better was found, nothing changes"),
}  # fmt: skip
"""Why a change is refused; at: the parcels where."""

CURES: dict[str, Pair] = {
    "consent": ("先取得农户同意并在数据里登记，或把这些小池留在外面。", "get the consent and record it, or leave these parcels out."),
    "level": ("补上高程数据，或把这些小池留在外面。", "add levels, or leave these parcels out."),
    "step": ("去掉最高或最低的小池，或在新方案里放宽池内高差。", "leave out the highest or the lowest, or widen the step in a new plan."),
    "maximum": ("少选几个，或先拆分。", "select fewer, or split first."),
    "barrier": ("只选同一侧的小池。", "select parcels of one side."),
    "apart": ("把中间的小池一起选上。", "select those in between too."),
    "locked": ("先解锁。", "unlock it first."),
    "same": ("无需处理。", "nothing is needed."),
    "no_better": ("无需处理。", "nothing is needed."),
    "line": ("让线从大池一边穿到另一边。", "draw the line from one side of the block to the other."),
}  # fmt: skip
NO_CURE: Pair = ("换一种选法。", "select otherwise.")

AT = 5
"""So many parcels are named in a sentence."""


def forbidden(rule: str, parcels: Sequence[str], value: float | None, limit: float | None, unit: str) -> Pair:
    """A sentence: which rule, and where."""
    more = len(parcels) - AT
    named = "、".join(parcels[:AT]), ", ".join(parcels[:AT])
    at = (
        f"：{named[0]}{f' 等 {len(parcels)} 个' if more > 0 else ''}" if parcels else "",
        f": {named[1]}{f' and {more} more' if more > 0 else ''}" if parcels else "",
    )
    digits = 2 if unit == "m" else 1
    facts = {
        "value": "" if value is None else f"{value:.{digits}f}",
        "limit": "" if limit is None else f"{limit:.{digits}f}",
    }
    zh, en = (text.format(at=a, **facts) for text, a in zip(FORBIDDEN[rule], at, strict=True))
    return f"{zh}。", f"{en[0].upper()}{en[1:]}."


def cure(rule: str) -> Pair:
    return CURES.get(rule, NO_CURE)
