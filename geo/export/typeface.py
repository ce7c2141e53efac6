"""The Chinese typeface of printed pages, and the one place that makes a PDF of a page's description."""

from __future__ import annotations

import functools
import json
import tempfile
import unicodedata
from collections.abc import Mapping
from datetime import datetime

import typst

from geo import plans
from geo.errors import ChigaiError

FAMILIES = (
    "Noto Sans CJK SC", "Source Han Sans SC", "Source Han Sans CN", "Noto Sans SC", "Microsoft YaHei", "PingFang SC",
    "Hiragino Sans GB", "HarmonyOS Sans SC", "SimHei", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Noto Serif CJK SC",
    "SimSun", "NSimSun", "FangSong", "KaiTi", "AR PL UMing CN",
)  # fmt: skip
"""Typefaces with simplified Chinese characters, best for a map first."""
LONG, FORGETS_AFTER = 200_000, 12
"""Typst keeps what it laid out until it was not asked for in ten documents. After one of so many characters, as many
empty ones make it forget: a county's sheets would take gigabytes otherwise."""
FOLDER = "fonts"
"""Below CHIGAI_HOME: where a typeface can be put without installing it."""


@functools.cache
def _fonts(folder: str) -> typst.Fonts:
    return typst.Fonts(font_paths=[folder])


def family() -> str:
    """The best of FAMILIES that is there. Raises ChigaiError where none is."""
    there = set(_fonts(_folder()).families())
    for name in FAMILIES:
        if name in there:
            return name
    raise ChigaiError(
        "这台电脑上没有中文字体，PDF 里的汉字会成空格。",
        "There is no Chinese typeface on this machine: the PDF would have gaps for characters.",
        do_zh=f"安装思源黑体（Debian、Ubuntu：apt install fonts-noto-cjk），或把 .ttf、.otf、.ttc 字体文件放进数据目录的 {FOLDER} 文件夹，再重新启动。",
        do_en=f"install one (Debian, Ubuntu: apt install fonts-noto-cjk), or put a .ttf, .otf or .ttc into the folder {FOLDER} of the data folder, and start again.",
    )


def _folder() -> str:
    return str(plans.home() / FOLDER)


def pdf(source: str, made: str = "") -> bytes:
    """The PDF of a Typst document whose text is in `family()`. made: ISO time that it gives as its own.

    The document can read no file and ask no network. The same document gives the same bytes.
    """
    with tempfile.TemporaryDirectory(prefix="chigai-") as nowhere:

        def compiled(document: str) -> bytes:
            return typst.compile(  # type: ignore[type-var, no-any-return]  # its stub forgets bytes
                document.encode(),
                root=nowhere,
                font_paths=_fonts(_folder()),
                timestamp=_time(made),
                pdf_tags=False,
                package_path=nowhere,
                package_cache_path=nowhere,
            )

        content = compiled(source)
        if len(source) > LONG:
            for _ in range(FORGETS_AFTER):
                compiled("")
        return content


def _time(made: str) -> int:
    try:
        return int(datetime.fromisoformat(made).timestamp())
    except ValueError:
        return 0


def quoted(text: str) -> str:
    """A text as Typst writes it: nothing in it is markup or code."""
    kept = "".join(
        " " if unicodedata.category(c) == "Cc" else c for c in text if unicodedata.category(c) != "Cs"
    )
    return json.dumps(kept, ensure_ascii=False).replace("\\u007f", " ")


def mapped(values: Mapping[str, object]) -> str:
    """A dictionary as Typst writes it: of texts, numbers, truths, None, lists and dictionaries of these."""
    return (
        "(" + ", ".join(f"{quoted(key)}: {value_of(value)}" for key, value in values.items()) + ",)"
        if values
        else "(:)"
    )


def value_of(value: object) -> str:
    """A value as Typst writes it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value}"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return mapped(value)
    assert isinstance(value, list | tuple)
    return "(" + "".join(f"{value_of(v)}, " for v in value) + ")"
