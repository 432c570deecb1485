"""Adds what exports require of workers, and how often workers gave them back.

Exports of earlier versions require nothing: every worker may build them. The table is rebuilt, since SQLite cannot add
a constraint to an existing one.
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";"):
        if statement.strip():
            op.execute(statement)
