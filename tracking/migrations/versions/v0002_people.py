"""Photos, people with their sessions and the audit, and the two columns in which scheme B is reported."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEPT = ("files", "audit")


def upgrade() -> None:
    op.add_column("events", sa.Column("measure", sa.Text))
    op.add_column("events", sa.Column("units", sa.Float))
    _files()
    _people()
    _audit()
    if op.get_bind().dialect.name == "postgresql":
        for table in KEPT:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION chigai_append_only()"
            )
    else:
        for table in KEPT:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'append only: {table}'); END"
                )


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("sha", sa.Text, primary_key=True),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("taken", sa.BigInteger),
        sa.Column("lon", sa.Float),
        sa.Column("lat", sa.Float),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
    )


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, unique=True),
        sa.Column("issuer", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("counties", sa.Text),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.UniqueConstraint("issuer", "subject", name="users_subject"),
    )
    op.create_table(
        "sessions",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("closed", sa.BigInteger),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="sessions_user"),
    )
    op.create_index("sessions_user_id", "sessions", ["user_id"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("no", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("county", sa.Text),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("audit_at", "audit", ["at"])


def downgrade() -> None:
    for table in ("audit", "sessions", "users", "files"):
        op.drop_table(table)
    op.drop_column("events", "units")
    op.drop_column("events", "measure")
