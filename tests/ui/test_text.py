"""Every word is there in both languages, says the same things, and stands in ui/text.py alone."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from planning import programme
from tracking import figures, jobs, targets
from ui import map_text, palette, text

UI = Path(text.__file__).parent
PAGES = (
    "burnup",
    "door",
    "edit",
    "edit_map",
    "edit_unit",
    "field",
    "field_block",
    "field_form",
    "field_parts",
    "first_run",
    "follow",
    "frontier_chart",
    "ledger",
    "ledger_conflicts",
    "ledger_proof",
    "main",
    "measure_table",
    "overview",
    "parcels",
    "parts",
    "people",
    "plan",
    "plan_answer",
    "plan_bars",
    "plan_block",
    "plan_export",
    "plan_form",
    "plan_sites",
    "plan_tiles",
    "plan_variants",
    "position",
    "progress",
    "reading_form",
    "target_parts",
    "targets",
)
CHINESE = re.compile(r"[\u3400-\u9fff]")
JOB_STATES = ("queued", "running", "failed", "cancelled", "broken_off")


def literals(module: str) -> list[str]:
    """The texts in a module's code, without its docstrings."""
    tree = ast.parse((UI / f"{module}.py").read_text("utf-8"))
    docs = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    loose = {n.value for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    return [
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and n not in docs | loose
    ]


def asked_for(module: str) -> tuple[set[str], set[str]]:
    """The keys that a module asks for: whole ones, and beginnings of those it puts together."""
    whole, begun = set(), set()
    tree = ast.parse((UI / f"{module}.py").read_text("utf-8"))
    for node in ast.walk(tree):
        called = isinstance(node, ast.Call) and ast.unparse(node.func) in ("t", "ctx.t", "self")
        if not called or not node.args:  # type: ignore[attr-defined]
            continue
        first = node.args[0]  # type: ignore[attr-defined]
        for argument in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
            if isinstance(argument, ast.JoinedStr):
                begun.add(
                    str(argument.values[0].value) if isinstance(argument.values[0], ast.Constant) else ""
                )
            elif isinstance(argument, ast.Constant):
                whole.add(argument.value)
    return whole, begun


@pytest.mark.parametrize("key", text.TEXTS)
def test_a_text_is_there_in_both_languages_with_the_same_places_to_fill(key: str) -> None:
    zh, en = text.TEXTS[key]
    assert zh.strip() and en.strip()
    assert re.fullmatch(r"[a-z]+\.[A-Za-z0-9_]+", key)
    names = [{name for _, name, _, _ in string.Formatter().parse(t) if name} for t in (zh, en)]
    assert names[0] == names[1]
    if not key.startswith(("app.", "language.")):
        assert not CHINESE.search(en.replace("确权", "").replace("三调", ""))


@pytest.mark.parametrize("module", PAGES)
def test_a_page_holds_no_chinese_of_its_own(module: str) -> None:
    assert [s for s in literals(module) if CHINESE.search(s)] == []


def test_what_the_pages_ask_for_is_there_and_nothing_is_there_in_vain() -> None:
    whole: set[str] = set()
    begun: set[str] = set()
    for module in (*PAGES, "text"):
        w, b = asked_for(module)
        whole |= w
        begun |= b
    assert whole <= set(text.TEXTS)
    # a key that begins with a name put in, such as "{page}.title", says nothing about which are used
    begun -= {""}
    constants = {s for module in PAGES for s in literals(module)}
    unused = {
        k
        for k in text.TEXTS
        if k not in constants
        and not any(k.startswith(b) for b in begun)
        and not k.endswith((".title", ".question"))
    }
    assert unused == set()


def test_every_state_stage_and_field_that_the_code_knows_has_its_words() -> None:
    from geo import schemas
    from geo.reading import mapping
    from ui import progress

    wanted = {f"job.{s}" for s in (*JOB_STATES, *jobs.KINDS)}
    wanted |= {f"state.{s}" for s in targets.STATES}
    wanted |= {f"plan.cost_{part}" for part in figures.COST_PARTS}
    wanted |= {f"stage.{stage}" for stages in progress.STAGES.values() for stage in stages}
    wanted |= {f"field.{f}" for f in mapping.PARCEL_FIELDS}
    wanted |= {f"reason.{r}" for r in schemas.REASONS}
    wanted |= {f"profile.{p}" for p in ("chigai", "dk", "dltb", "generic")}
    wanted |= {
        f"plan.confidence_{p.confidence}" for p in programme.load("jixi-2020-8").parameters.items().values()
    }
    assert wanted <= set(text.TEXTS)


def test_a_block_is_never_called_by_the_word_for_a_parcel() -> None:
    said = [pair[0] for pair in (*text.TEXTS.values(), *map_text.TEXTS.values())]
    looks = (palette.TARGETS, palette.BLOCKS, palette.REASONS, palette.PARCELS)
    said += [look.zh for book in looks for look in book.values()]
    assert [s for s in said if "池块" in s or "县区" in s] == []


def test_every_state_of_a_county_has_one_look_for_map_and_table() -> None:
    assert set(palette.TARGETS) == set(targets.STATES)
