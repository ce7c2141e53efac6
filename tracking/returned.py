"""A package that came back from the field: every row is weighed like any other report, and has an answer."""

from __future__ import annotations

import json
import shutil
import tempfile
import unicodedata
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from geo.errors import ChigaiError
from geo.reading import archives
from tracking import intake, package_rows, photos, pictures, tables
from tracking.books import MANY, chunks
from tracking.desk import Desk
from tracking.ledger import Receipt
from tracking.package_layout import KINDS
from tracking.people import Person
from tracking.review import Review, Row
from tracking.rules import ZH, Event
from tracking.store import Store

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif")
WAL = ".gpkg-wal"
"""What a phone has written but not put into its file yet lies beside it under this suffix."""
DEEPEST = 5
SPACE = uuid.UUID("7f2c6f0e-6b0f-4d57-9a5e-0a4f4cf2f3b8")
COMPARED = ("kind", "plan_id", "block_id", "happened", "note", "done_mu", "files", "block_version")
"""What makes two reports of one id the same; who handed them in is no part of it."""


@dataclass
class _Line:
    """One row on its way: its event, or the receipt that already answers it."""

    no: int
    raw: Mapping[str, Any]
    event: Event | None = None
    receipt: Receipt | None = None
    remarks: list[tuple[str, str]] = field(default_factory=list)

    def refuse(self, code: str, zh: str, en: str) -> None:
        made = self.event.id if self.event is not None else _made_id(self.raw)
        self.event, self.receipt = None, Receipt(made, "refused", zh, en, code=code)


def take(to: Store | Desk, path: Path, person: Person, now: datetime | None = None) -> Review:
    """Put the reports of a package into the ledger as `person`'s own, who answers for them.

    path: the zip that QField sent, the folder it was unpacked to, or its GeoPackage alone. Every row is answered
    as an event of its own; the same package again is "repeated", whoever hands it in. Only the table of reports
    is read: blocks that were edited on the phone change nothing. Raises ChigaiError where the file as a whole
    cannot be read, ForbiddenError where the person has no right to hand in packages.
    """
    desk = to if isinstance(to, Desk) else Desk(to, person)
    if not desk.somewhere("package"):
        desk.require("package", None, Path(path).name)
    now = now or datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="chigai-", ignore_cleanup_errors=True) as room:
        lines: list[_Line] = []
        for geopackage, pictures_of in _opened(Path(path), Path(room)):
            own = [
                _line(no, raw, desk.person.id, now)
                for no, raw in enumerate(package_rows.read_apart(geopackage), len(lines) + 1)
            ]
            _with_photos(desk, own, pictures_of)
            lines += own
    _send(desk, lines, now)
    return Review(Path(path).name, tuple(_answers(desk.store, lines)))


class _Pictures:
    """The photos of a package by the path that a row names them by; nothing outside of it can be named."""

    def __init__(self, root: Path, base: Path) -> None:
        self._base = base.relative_to(root)
        self._by_path = {_key(file.relative_to(root)): file for file in _files(root, PICTURES)}
        names: dict[str, list[Path]] = {}
        for key, file in self._by_path.items():
            names.setdefault(key.rsplit("/", 1)[-1], []).append(file)
        # folders can be lost on the way, as long as a name is one photo's alone
        self._by_name = {name: some[0] for name, some in names.items() if len(some) == 1}

    def find(self, named: str) -> Path | None:
        """The file, or None where the package has none of that name. ValueError for a path that leaves it."""
        parts = named.replace("\\", "/").split("/")
        if named.startswith(("/", "\\")) or ":" in named or ".." in parts or not named.isprintable():
            raise ValueError(named)
        inside = [part for part in parts if part not in ("", ".")]
        key = _key(self._base.joinpath(*inside))
        return self._by_path.get(key) or self._by_name.get(key.rsplit("/", 1)[-1])


def _key(path: Path) -> str:
    return unicodedata.normalize("NFC", path.as_posix()).casefold()


def _files(root: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """Files of these suffixes in order of name, some folders deep; links are not followed."""
    pending = [(root, 0)]
    while pending:
        here, depth = pending.pop(0)
        for entry in sorted(here.iterdir()):
            if entry.is_symlink() or entry.name.startswith("."):
                continue
            if entry.is_dir() and depth < DEEPEST:
                pending.append((entry, depth + 1))
            elif entry.is_file() and entry.suffix.lower() in suffixes:
                yield entry


def _opened(path: Path, room: Path) -> Iterator[tuple[Path, _Pictures]]:
    """Each GeoPackage, as a copy that may be opened without leaving traces beside it, with its photos."""
    if not path.exists():
        raise ChigaiError(
            "文件不存在。", "There is no such file.", do_zh="请检查路径。", do_en="check the path.", file=path
        )
    root = path
    if path.is_file():
        with path.open("rb") as stream:
            head = stream.read(4)
        root = room / "zip"
        if head in (b"PK\x03\x04", b"PK\x05\x06"):
            archives.unpack(path, root, (".gpkg", WAL, *PICTURES))
        else:
            root.mkdir()
            _copy(path, root / (path.name if path.suffix.lower() == ".gpkg" else f"{path.name}.gpkg"))
    found = list(_files(root, (".gpkg",)))
    if not found:
        raise ChigaiError(
            "里面没有上报包的数据（.gpkg）。",
            "It holds no data of a package (.gpkg).",
            do_zh="请在 QField 的本地文件里点项目右边的“⋮”，选“发送压缩文件夹到……”，把得到的 ZIP 整个交回。",
            do_en="among QField's local files choose 'Send compressed folder to...' of the project, and give back "
            "the whole ZIP.",
            file=path,
        )
    for at, geopackage in enumerate(found):
        copy = room / f"read{at}" / geopackage.name
        copy.parent.mkdir()
        _copy(geopackage, copy)
        yield copy, _Pictures(root, geopackage.parent)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    beside = source.with_name(f"{source.name}-wal")
    if beside.is_file() and not beside.is_symlink():
        shutil.copyfile(beside, target.with_name(f"{target.name}-wal"))


def _made_id(raw: Mapping[str, Any]) -> UUID:
    """The id of a row without one: the same content, the same id."""
    return uuid.uuid5(SPACE, json.dumps(dict(raw) | {"uuid": None}, ensure_ascii=False, sort_keys=True))


def _when(raw: Mapping[str, Any]) -> Any:
    """The time as the phone wrote it, with the zone that its clock was set to then."""
    ahead = raw["zone_minutes"]
    if not isinstance(ahead, int) or not -720 <= ahead <= 840:
        return raw["happened"]
    try:
        moment = datetime.fromisoformat(str(raw["happened"]).strip())
    except ValueError:
        return raw["happened"]
    if moment.tzinfo is not None or len(str(raw["happened"]).strip()) <= len("2021-10-08"):
        return raw["happened"]
    return moment.replace(tzinfo=timezone(timedelta(minutes=ahead))).isoformat()


def _line(no: int, raw: Mapping[str, Any], actor: str, now: datetime) -> _Line:
    line = _Line(no, raw)
    for name, zh, en in (("kind", "做了什么", "what was done"), ("happened", "时间", "when")):
        if raw[name] in (None, ""):
            line.refuse("missing", f"没有填“{zh}”。", f"It does not say {en}.")
            return line
    note, sender = str(raw["note"] or "").strip(), str(raw["sent_by"] or "").strip()
    row = {
        "id": raw["uuid"] or _made_id(raw), "kind": raw["kind"], "block_id": raw["block_id"], "note": note,
        "plan_id": raw["plan_id"], "happened": _when(raw), "done_mu": raw["done_mu"],
        "block_version": raw["block_version"],
    }  # fmt: skip
    if sender:
        row["note"] = f"{note}（填报：{sender}）"
    made = intake.event(row, "", actor, now)
    if isinstance(made, Receipt):
        line.receipt = made
        return line
    line.event = made
    try:
        line.event = made = replace(made, happened=made.happened.astimezone(UTC))
    except OverflowError:
        line.refuse("form", "时间超出范围。", "The time is out of range.")
        return line
    if made.kind not in KINDS:
        called = ZH.get(made.kind, made.kind[:20])
        kinds = "、".join(ZH[k] for k in KINDS)
        line.refuse(
            "kind",
            f"上报包只收{kinds}，不收“{called}”：请登录后在系统里填。",
            f"A package carries {', '.join(KINDS)} only: sign in to report anything else.",
        )
    elif made.kind != "progress" and made.done_mu is not None:
        # left from another choice on the form, where it can no longer be seen
        line.event = replace(made, done_mu=None)
        line.remarks.append(
            ("“累计完成”只用于进度，未采用。", "The area done goes with progress only; not used.")
        )
    return line


def _with_photos(desk: Desk, lines: Sequence[_Line], pictures_of: _Pictures) -> None:
    """Keep the photos that the rows name, and put their addresses into the events."""
    kept: dict[Path, str] = {}
    for line in lines:
        named = str(line.raw["photo"] or "").strip()
        if line.event is None or not named:
            continue
        try:
            file = pictures_of.find(named)
        except ValueError:
            line.refuse(
                "photo", "照片的路径指向包外，没有读取。", "The photo's path leads out of the package."
            )
            continue
        if file is None:
            line.refuse(
                "photo",
                "包里没有这条记录的照片：请把 DCIM 文件夹一起交回，再导入一次。",
                "The package lacks this report's photo: give back the folder DCIM too, and import it again.",
            )
            continue
        try:
            if file not in kept:
                kept[file] = _kept(desk, file)
            line.event = replace(line.event, files=(kept[file],))
        except ChigaiError as error:
            line.refuse("photo", f"照片不能用：{error.zh}", f"The photo cannot be used: {error.en}")


def _kept(desk: Desk, file: Path) -> str:
    if file.stat().st_size > pictures.MOST_BYTES:
        limit = pictures.MOST_BYTES // pictures.MB
        raise ChigaiError(f"照片超过 {limit} MB。", f"The photo has more than {limit} MB.")
    return desk.add_photo(file.read_bytes()).sha


def _send(desk: Desk, lines: Sequence[_Line], now: datetime) -> None:
    """Report the events in the order in which they happened: a start before the end, whatever the rows' order."""
    ready = [line for line in lines if line.event is not None]
    known = _known(desk.store, [line.event.id for line in ready if line.event is not None])
    new = []
    for line in ready:
        assert line.event is not None
        before = known.get(line.event.id)
        if before is not None and before[0] == _content(line.event):
            zh, en = "此前已收到，没有重复计入。", "Received before; it counts once."
            line.receipt = Receipt(line.event.id, "repeated", zh, en, before[1], before[2])
        else:
            new.append((line.event.happened, KINDS.index(line.event.kind), line.no, line))
    new.sort(key=lambda placed: placed[:3])
    receipts = desk.report([line.event for *_, line in new if line.event is not None], now)
    for (*_, line), receipt in zip(new, receipts, strict=True):
        line.receipt = receipt


def _content(event: Any) -> tuple[Any, ...]:
    values = {name: getattr(event, name) for name in COMPARED}
    values["files"] = tuple(json.loads(event.files) if isinstance(event.files, str) else event.files)
    values["happened"] = event.happened.astimezone(UTC)
    return tuple(values.values())


def _known(store: Store, ids: Sequence[UUID]) -> dict[UUID, tuple[tuple[Any, ...], int, str]]:
    """What the ledger has under these ids: content, place and seal."""
    e = tables.events.c
    found = {}
    with store.reading() as connection:
        for part in chunks(list(dict.fromkeys(ids)), MANY):
            query = select(*(e[name] for name in COMPARED), e.id, e.seq, e.hash).where(e.id.in_(part))
            for row in connection.execute(query):
                found[row.id] = (_content(row), row.seq, row.hash)
    return found


def _answers(store: Store, lines: Sequence[_Line]) -> Iterator[Row]:
    """What the office reads of each row, photo flags included."""
    flags = _flags(store, lines)
    for line in lines:
        receipt, raw = line.receipt, line.raw
        assert receipt is not None
        told = [(receipt.zh, receipt.en), *line.remarks]
        if receipt.code == "changed":
            told.append(("请下发新的上报包，重报这一条。", "Hand out a new package and report it again."))
        yield Row(
            row=line.no,
            id=str(receipt.id),
            kind=str(line.event.kind if line.event is not None else raw["kind"] or "")[:40],
            block_id=str(raw["block_id"] or "")[:80],
            happened=str(raw["happened"] or "")[:40],
            sent_by=str(raw["sent_by"] or "")[:80],
            status=receipt.status,
            code=receipt.code,
            zh="".join(zh for zh, _ in told),
            en=" ".join(en for _, en in told),
            flags=tuple(flags.get(receipt.id, ())) if receipt.status in ("accepted", "repeated") else (),
        )


def _flags(store: Store, lines: Sequence[_Line]) -> dict[UUID, list[tuple[str, str, str]]]:
    found: dict[UUID, list[tuple[str, str, str]]] = {}
    plans = {line.event.plan_id for line in lines if line.event is not None and line.event.files}
    for plan_id in sorted(plans):
        odd = photos.flags(store, plan_id)
        for event_id, *flag in odd[["event_id", "flag", "zh", "en"]].to_numpy(object).tolist():
            found.setdefault(event_id, []).append((flag[0], flag[1], flag[2]))
    return found
