"""The audit trail. The database itself refuses to change an entry, or to delete one before its time."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"

UNCHANGED = """CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'an entry of the audit trail never changes'); END"""
KEPT = """CREATE TRIGGER audit_kept BEFORE DELETE ON audit
WHEN OLD.time >= COALESCE((SELECT deletable_before FROM audit_horizon), 0)
BEGIN SELECT RAISE(ABORT, 'an entry of the audit trail is kept until its time is over'); END"""


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";"):
        if statement.strip():
            op.execute(statement)
    for trigger in (UNCHANGED, KEPT):
        op.execute(trigger)
