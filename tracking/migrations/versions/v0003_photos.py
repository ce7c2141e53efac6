"""Photos that no report names may be cleared; the few events that name any have an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NAMED = (
    "EXISTS (SELECT 1 FROM events WHERE events.files <> '[]' AND {found}(events.files, OLD.sha) > 0) "
    "OR EXISTS (SELECT 1 FROM conflicts WHERE {found}(conflicts.sent, OLD.sha) > 0)"
)
"""Whether a photo is named by a report, in the ledger or beside it."""


def upgrade() -> None:
    some = sa.text("files <> '[]'")
    op.create_index("events_files", "events", ["seq"], sqlite_where=some, postgresql_where=some)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER files_append_only ON files")
        op.execute(
            "CREATE TRIGGER files_append_only BEFORE UPDATE OR TRUNCATE ON files "
            "FOR EACH STATEMENT EXECUTE FUNCTION chigai_append_only()"
        )
        op.execute(
            "CREATE FUNCTION chigai_named_file() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF {NAMED.format(found='strpos')} THEN "
            "RAISE EXCEPTION 'append only: %', TG_TABLE_NAME; END IF; RETURN OLD; END $$"
        )
        op.execute(
            "CREATE TRIGGER files_named BEFORE DELETE ON files "
            "FOR EACH ROW EXECUTE FUNCTION chigai_named_file()"
        )
    else:
        op.execute("DROP TRIGGER files_no_delete")
        op.execute(
            f"CREATE TRIGGER files_no_delete BEFORE DELETE ON files WHEN {NAMED.format(found='instr')} "
            "BEGIN SELECT RAISE(ABORT, 'append only: files'); END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER files_named ON files")
        op.execute("DROP FUNCTION chigai_named_file()")
        op.execute("DROP TRIGGER files_append_only ON files")
        op.execute(
            "CREATE TRIGGER files_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON files "
            "FOR EACH STATEMENT EXECUTE FUNCTION chigai_append_only()"
        )
    else:
        op.execute("DROP TRIGGER files_no_delete")
        op.execute(
            "CREATE TRIGGER files_no_delete BEFORE DELETE ON files "
            "BEGIN SELECT RAISE(ABORT, 'append only: files'); END"
        )
    op.drop_index("events_files", "events")
