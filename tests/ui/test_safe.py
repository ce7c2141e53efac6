"""Text that reaches HTML or a script is shown, never run."""

from __future__ import annotations

import html
import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from ui import safe

DANGEROUS = set("<>\"'`${}\\\u2028\u2029")


@settings(deadline=None)
@given(st.text())
def test_nothing_that_opens_markup_or_a_template_is_left(value: str) -> None:
    assert not DANGEROUS & set(safe.text(value))


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_what_is_shown_is_what_was_given(value: str) -> None:
    assert html.unescape(safe.text(value)) == value


def test_null_is_empty_and_numbers_are_text() -> None:
    assert safe.text(None) == ""
    assert safe.text(3.5) == "3.5"


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_json_in_a_script_means_the_same_and_cannot_end_it(value: dict[str, object]) -> None:
    told = safe.json_for_script(value)
    assert json.loads(told) == value
    assert not set("<>&\u2028\u2029") & set(told)


@settings(deadline=None)
@given(st.text(st.sampled_from('{%#}a\\"')))
def test_json_opens_no_template_on_the_server(value: str) -> None:
    told = safe.json_for_script([value, {value: {}}])
    assert json.loads(told) == [value, {value: {}}]
    assert not re.search(r"\{[{%#]", told)
