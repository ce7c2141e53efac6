"""Texts go into a page as texts, whatever they hold; a page can read nothing."""

from __future__ import annotations

from pathlib import Path

import pypdf
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.export import typeface
from geo.export.typeface import mapped, pdf, quoted, value_of


def text_of(content: bytes, path: Path) -> str:
    path.write_bytes(content)
    return "".join(page.extract_text() for page in pypdf.PdfReader(path).pages)


@pytest.mark.parametrize(
    "text", ['#read("/etc/passwd")', "*a* _b_ $x$ @c <d>", 'quo"te \\ back\\u{41}', "a\tb\nc", "中文（）"]
)
def test_no_text_is_markup(text: str, tmp_path: Path) -> None:
    said = text_of(pdf(f"#set text(font: {quoted(typeface.family())})\n#{quoted(text)}"), tmp_path / "t.pdf")
    assert said.split() == text.split()


@settings(max_examples=30)
@given(st.text(max_size=40))
def test_any_text_can_be_written(text: str) -> None:
    assert pdf(f"#{quoted(text)}").startswith(b"%PDF")


def test_values_are_written_as_typst_reads_them() -> None:
    assert (
        value_of({"a": None, "b": [True, 1.5], "c": "x", "d": {}})
        == '("a": none, "b": (true, 1.5, ), "c": "x", "d": (:),)'
    )
    assert mapped({}) == "(:)"
    pdf(f"#let d = {mapped({'a': [('x', 1)], 'b': []})}\n#assert.eq(d.a.at(0).at(1), 1)\n#assert.eq(d.b, ())")


def test_a_page_reads_no_file_and_asks_no_network() -> None:
    for asked in ('#read("/etc/hostname")', '#read("../../x")', '#import "@preview/cetz:0.3.0"'):
        with pytest.raises(typst.TypstError):
            pdf(asked)


def test_the_best_typeface_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    class Some:
        def families(self) -> list[str]:
            return ["SimSun", "Arial", "Microsoft YaHei"]

    monkeypatch.setattr(typeface, "_fonts", lambda folder: Some())
    assert typeface.family() == "Microsoft YaHei"


def test_a_typeface_in_the_data_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIGAI_HOME", str(tmp_path))
    assert typeface._folder() == str(tmp_path / "fonts")
