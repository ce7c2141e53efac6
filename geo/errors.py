"""The one family of errors: what is wrong, where it is, and what to do, in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class ChigaiError(Exception):
    """A refusal that a planner can act on.

    zh, en: what is wrong. do_zh, do_en: what would cure it.
    file, layer, row: where it is; row counts from 1, as a table on screen does.
    """

    def __init__(
        self,
        zh: str,
        en: str,
        *,
        do_zh: str = "",
        do_en: str = "",
        file: str | Path | None = None,
        layer: str | None = None,
        row: int | None = None,
    ) -> None:
        self.zh, self.en, self.do_zh, self.do_en = zh, en, do_zh, do_en
        # only the name: a folder can carry a person's name, and means nothing to who uploaded the file
        self.file = Path(file).name if file is not None else None
        self.layer, self.row = layer, row
        super().__init__(f"{self.text('zh')}\n{self.text('en')}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors pass between processes and lie in caches: they come out of a pickle as they went in."""
        return _again, (type(self), self.args, self.__dict__.copy())

    def where(self, lang: str) -> str:
        """Where it is, as 'file · layer · row', empty when nothing is known."""
        zh = lang == "zh"
        parts = [
            (f"文件 {self.file}" if zh else f"file {self.file}") if self.file else "",
            (f"图层 {self.layer}" if zh else f"layer {self.layer}") if self.layer else "",
            (f"第 {self.row} 行" if zh else f"row {self.row}") if self.row is not None else "",
        ]
        return " · ".join(p for p in parts if p)

    def text(self, lang: str = "zh") -> str:
        """The whole message in one language: what, where, what to do."""
        if lang == "zh":
            where = self.where("zh")
            return f"{self.zh}{f'（{where}）' if where else ''}{f' 处理办法：{self.do_zh}' if self.do_zh else ''}"
        where = self.where("en")
        return (
            f"{self.en}{f' ({where})' if where else ''}{f' What to do: {self.do_en}' if self.do_en else ''}"
        )


def _again(kind: type[ChigaiError], args: tuple[Any, ...], fields: dict[str, Any]) -> ChigaiError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(fields)
    return error


class AbsentError(ChigaiError):
    """What is asked for is not there."""


class CancelledError(ChigaiError):
    """The run was stopped on request; nothing half made is left."""

    def __init__(self) -> None:
        super().__init__(
            "运行已取消，未留下任何不完整的结果。", "The run was cancelled; nothing half made is left."
        )
