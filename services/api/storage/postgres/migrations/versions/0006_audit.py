"""The audit trail. The database itself refuses to change an entry, or to delete one before its time."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"

GUARD = """CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.time < COALESCE((SELECT deletable_before FROM audit_horizon), 0) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'an entry of the audit trail never changes, and is kept until its time is over'
        USING ERRCODE = 'restrict_violation';
END
$$"""
ROWS = """CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_guard()"""
ALL = """CREATE TRIGGER audit_guard_of_all BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_guard()"""


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";"):
        if statement.strip():
            op.execute(statement)
    for statement in (GUARD, ROWS, ALL):
        op.execute(statement)
