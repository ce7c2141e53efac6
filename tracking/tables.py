"""The tables of the database, one schema for both homes: SQLite, and PostgreSQL with PostGIS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.sql import func
from sqlalchemy.types import TypeDecorator, TypeEngine

SRID = 4490
"""Block outlines are kept in CGCS2000 longitude and latitude, degrees (EPSG:4490), whatever a plan's zone is."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """A point in time, kept as whole microseconds since 1970 UTC: exact, and the same number in both homes."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + value * MICROSECOND


class Outline(Geometry):
    """A real geometry column that takes and gives WKB bytes, as the plain bytes of SQLite do."""

    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> Any:
        return func.ST_GeomFromWKB(bindvalue, SRID, type_=self)

    def column_expression(self, col: Any) -> Any:
        return func.ST_AsBinary(col, type_=LargeBinary)

    def bind_processor(self, dialect: Dialect) -> None:
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        return None


def outline() -> TypeEngine[bytes]:
    """MultiPolygon in EPSG:4490: a geometry column in PostgreSQL, WKB bytes in SQLite."""
    shape = Outline("MULTIPOLYGON", srid=SRID, spatial_index=False)
    return LargeBinary().with_variant(shape, "postgresql")


NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit number; SQLite finds a row at once only by a key that it calls INTEGER."""

metadata = MetaData()

plans = Table(
    "plans",
    metadata,
    Column("id", Text, primary_key=True),
    Column("programme", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("name", Text, nullable=False),
    # of what was registered: the same folder again changes nothing
    Column("sha", Text, nullable=False),
    Column("registered", Moment, nullable=False),
    Column("actor", Text, nullable=False),
)

blocks = Table(
    "blocks",
    metadata,
    Column("plan_id", Text, primary_key=True),
    Column("block_id", Text, primary_key=True),
    Column("county", Text, nullable=False),
    Column("irrigation_district", Text),
    Column("village", Text),
    Column("site_id", Text),
    Column("area_mu", Float, nullable=False),
    Column("meets_minimum", Boolean, nullable=False),
    Column("site_meets_minimum", Boolean, nullable=False),
    # no longer in its plan: kept for what was reported about it, and takes no more reports
    Column("withdrawn", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("geometry", outline(), nullable=False),
    ForeignKeyConstraint(["plan_id"], ["plans.id"], name="blocks_plan"),
)
Index("blocks_county", blocks.c.county)

block_history = Table(
    "block_history",
    metadata,
    # what a block was before it changed, and who changed it
    Column("plan_id", Text, primary_key=True),
    Column("block_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("changed", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("was", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    # 1, 2, 3 … without a gap: the order of the chain
    Column("seq", NUMBER, primary_key=True, autoincrement=False),
    Column("id", Uuid, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    # empty: about the whole plan
    Column("block_id", Text, nullable=False),
    Column("county", Text),
    Column("actor", Text, nullable=False),
    Column("happened", Moment, nullable=False),
    Column("received", Moment, nullable=False),
    Column("note", Text, nullable=False),
    Column("done_mu", Float),
    Column("passed", Boolean),
    Column("reason", Text),
    Column("measured_mu", Float),
    Column("level_points", Integer),
    Column("inspector", Text),
    Column("corrects", Uuid),
    # private: a household's name
    Column("operator", Text),
    Column("given", Boolean),
    # a JSON list of content addresses
    Column("files", Text, nullable=False),
    Column("block_version", Integer),
    # scheme B: which measure, and how many of its units were done by this report alone
    Column("measure", Text),
    Column("units", Float),
    # of this event and of the hash before it, hexadecimal
    Column("hash", Text, nullable=False),
)
Index("events_block", events.c.plan_id, events.c.block_id)
NAMES_FILES = text("files <> '[]'")
"""The events that name photos; in these words, for a few of many have an index of their own."""
Index("events_files", events.c.seq, sqlite_where=NAMES_FILES, postgresql_where=NAMES_FILES)
raw_events = events.to_metadata(MetaData())
"""The same table as numbers and texts: times are given as the microseconds that they are kept as."""
for _name in ("happened", "received"):
    raw_events.c[_name].type = BigInteger()

head = Table(
    "ledger_head",
    metadata,
    # one row: the last event; whoever appends holds it
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
)

conflicts = Table(
    "conflicts",
    metadata,
    Column("no", Integer, primary_key=True, autoincrement=True),
    Column("event_id", Uuid, nullable=False),
    Column("received", Moment, nullable=False),
    # content: the id stands for something else · changed: the block changed since
    Column("why", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("block_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    # the report as it was sent, and its digest; private where it names an operator
    Column("sent", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
)
Index("conflicts_event", conflicts.c.event_id, conflicts.c.digest, unique=True)

files = Table(
    "files",
    metadata,
    # photos by content: the bytes lie in the data folder under this name
    Column("sha", Text, primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    # all that is kept of what the camera wrote: when, by its own clock, and where, WGS 84 degrees
    Column("taken", Moment),
    Column("lon", Float),
    Column("lat", Float),
    Column("received", Moment, nullable=False),
    Column("actor", Text, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    # lower case; the provider must say that it is verified before the first sign-in binds it
    Column("email", Text, unique=True),
    # who the provider says it is; empty until the first sign-in
    Column("issuer", Text),
    Column("subject", Text),
    Column("role", Text, nullable=False),
    # a JSON list of adcodes; empty: every county
    Column("counties", Text),
    Column("active", Boolean, nullable=False),
    # raised by every change: the second of two who change one user is told
    Column("version", Integer, nullable=False),
    Column("changed", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    UniqueConstraint("issuer", "subject", name="users_subject"),
)

sessions = Table(
    "sessions",
    metadata,
    # a digest of what the provider signed in: the cookie's content is not kept
    Column("key", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("opened", Moment, nullable=False),
    Column("seen", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("closed", Moment),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="sessions_user"),
)
Index("sessions_user_id", sessions.c.user_id)

audit = Table(
    "audit",
    metadata,
    Column("no", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    # a user's id; empty where nobody was signed in
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("county", Text),
    # what it was done to: a plan, a block, a user, a file
    Column("target", Text, nullable=False),
    # done · refused
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
Index("audit_at", audit.c.at)

drafts = Table(
    "drafts",
    metadata,
    Column("id", Text, primary_key=True),
    # the plan's folder: what the changes lie over, which nothing changes
    Column("plan", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("closed", Moment),
)

draft_changes = Table(
    "draft_changes",
    metadata,
    Column("draft", Text, primary_key=True),
    # 1, 2, 3 … in a draft: the order in which they lie over each other
    Column("no", Integer, primary_key=True),
    Column("field_unit", BigInteger, nullable=False),
    # a JSON list of adcodes
    Column("counties", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    # JSON: what was asked for; where each parcel that it touched lies now; the unit's sums beyond the plan's
    Column("asked", Text, nullable=False),
    Column("placed", Text, nullable=False),
    Column("sums", Text, nullable=False),
    # active · undone · dropped: undone, and something else was done since
    Column("state", Text, nullable=False),
    ForeignKeyConstraint(["draft"], ["drafts.id"], name="draft_changes_draft"),
)
Index("draft_changes_unit", draft_changes.c.draft, draft_changes.c.field_unit)

draft_units = Table(
    "draft_units",
    metadata,
    Column("draft", Text, primary_key=True),
    Column("field_unit", BigInteger, primary_key=True, autoincrement=False),
    # raised by every change, undo and redo: the second of two who change one unit is told
    Column("version", Integer, nullable=False),
    Column("changed", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    ForeignKeyConstraint(["draft"], ["drafts.id"], name="draft_units_draft"),
)

draft_visits = Table(
    "draft_visits",
    metadata,
    # who has which field unit on the screen
    Column("draft", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("field_unit", BigInteger, nullable=False),
    Column("seen", Moment, nullable=False),
    ForeignKeyConstraint(["draft"], ["drafts.id"], name="draft_visits_draft"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("no", Integer, primary_key=True, autoincrement=True),
    Column("plan", Text, nullable=False),
    Column("programme", Text, nullable=False),
    # of all files of the plan's folder, as it was approved
    Column("sha256", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
)

APPEND_ONLY = ("events", "conflicts", "block_history", "files", "audit", "approvals")
"""Tables in which the database itself refuses UPDATE and DELETE; of photos, those that no report names may go."""
