"""The line of tenants, so that a claim reads as many of them as it hands out jobs.

What waits in a database of an earlier version stands in it at once.
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";"):
        if statement.strip():
            op.execute(statement)
