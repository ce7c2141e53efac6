"""Drafts: plans changed by hand, change by change, who is at work where, and which plan is approved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("closed", sa.BigInteger),
    )
    op.create_table(
        "draft_changes",
        sa.Column("draft", sa.Text, primary_key=True),
        sa.Column("no", sa.Integer, primary_key=True),
        sa.Column("field_unit", sa.BigInteger, nullable=False),
        sa.Column("counties", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("placed", sa.Text, nullable=False),
        sa.Column("sums", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["draft"], ["drafts.id"], name="draft_changes_draft"),
    )
    op.create_index("draft_changes_unit", "draft_changes", ["draft", "field_unit"])
    op.create_table(
        "draft_units",
        sa.Column("draft", sa.Text, primary_key=True),
        sa.Column("field_unit", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["draft"], ["drafts.id"], name="draft_units_draft"),
    )
    op.create_table(
        "draft_visits",
        sa.Column("draft", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("field_unit", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["draft"], ["drafts.id"], name="draft_visits_draft"),
    )
    op.create_table(
        "approvals",
        sa.Column("no", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("programme", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER approvals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON approvals "
            "FOR EACH STATEMENT EXECUTE FUNCTION chigai_append_only()"
        )
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER approvals_no_{verb.lower()} BEFORE {verb} ON approvals "
                "BEGIN SELECT RAISE(ABORT, 'append only: approvals'); END"
            )


def downgrade() -> None:
    for table in ("approvals", "draft_visits", "draft_units", "draft_changes", "drafts"):
        op.drop_table(table)
