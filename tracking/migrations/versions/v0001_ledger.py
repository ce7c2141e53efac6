"""Plans, blocks and the ledger, with the triggers that keep what was written as it was written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracking.tables import outline

revision = "0001"
down_revision = None

KEPT = ("events", "conflicts", "block_history")
GENESIS = "0" * 64


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    _plans()
    _ledger()
    if postgres:
        op.execute("CREATE INDEX blocks_geometry ON blocks USING gist (geometry)")
        _guard_postgresql()
    else:
        _guard_sqlite()


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("programme", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sha", sa.Text, nullable=False),
        sa.Column("registered", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
    )
    op.create_table(
        "blocks",
        sa.Column("plan_id", sa.Text, primary_key=True),
        sa.Column("block_id", sa.Text, primary_key=True),
        sa.Column("county", sa.Text, nullable=False),
        sa.Column("irrigation_district", sa.Text),
        sa.Column("village", sa.Text),
        sa.Column("site_id", sa.Text),
        sa.Column("area_mu", sa.Float, nullable=False),
        sa.Column("meets_minimum", sa.Boolean, nullable=False),
        sa.Column("site_meets_minimum", sa.Boolean, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("geometry", outline(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="blocks_plan"),
    )
    op.create_index("blocks_county", "blocks", ["county"])
    op.create_table(
        "block_history",
        sa.Column("plan_id", sa.Text, primary_key=True),
        sa.Column("block_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("was", sa.Text, nullable=False),
    )


def _ledger() -> None:
    op.create_table(
        "events",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("id", sa.Uuid, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("plan_id", sa.Text, nullable=False),
        sa.Column("block_id", sa.Text, nullable=False),
        sa.Column("county", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("happened", sa.BigInteger, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("done_mu", sa.Float),
        sa.Column("passed", sa.Boolean),
        sa.Column("reason", sa.Text),
        sa.Column("measured_mu", sa.Float),
        sa.Column("level_points", sa.Integer),
        sa.Column("inspector", sa.Text),
        sa.Column("corrects", sa.Uuid),
        sa.Column("operator", sa.Text),
        sa.Column("given", sa.Boolean),
        sa.Column("files", sa.Text, nullable=False),
        sa.Column("block_version", sa.Integer),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_index("events_block", "events", ["plan_id", "block_id"])
    head = op.create_table(
        "ledger_head",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.bulk_insert(head, [{"one": 1, "seq": 0, "hash": GENESIS}])
    op.create_table(
        "conflicts",
        sa.Column("no", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("plan_id", sa.Text, nullable=False),
        sa.Column("block_id", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("sent", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("zh", sa.Text, nullable=False),
        sa.Column("en", sa.Text, nullable=False),
    )
    op.create_index("conflicts_event", "conflicts", ["event_id", "digest"], unique=True)


def _guard_sqlite() -> None:
    for table in KEPT:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'append only: {table}'); END"
            )
    # INSERT OR REPLACE deletes without asking the trigger above, unless recursive_triggers is on
    op.execute(
        "CREATE TRIGGER events_no_replace BEFORE INSERT ON events "
        "WHEN EXISTS (SELECT 1 FROM events WHERE seq = NEW.seq OR id = NEW.id) "
        "BEGIN SELECT RAISE(ABORT, 'append only: events'); END"
    )


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION chigai_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'append only: %', TG_TABLE_NAME; END $$"
    )
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION chigai_append_only()"
        )


def downgrade() -> None:
    for table in ("conflicts", "ledger_head", "events", "block_history", "blocks", "plans"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION chigai_append_only()")
