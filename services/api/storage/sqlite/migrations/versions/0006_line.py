"""Adds the line of tenants, so that a claim reads only as many tenants as it hands out jobs.

Exports that wait in an existing database are added to the line at once.
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";"):
        if statement.strip():
            op.execute(statement)
