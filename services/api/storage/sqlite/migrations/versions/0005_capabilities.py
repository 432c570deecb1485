"""What exports need of workers, and how often workers gave them back.

What an earlier version stored needs nothing of a worker: any may build it. The table is made anew, since SQLite adds no
rule to one that is there.
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";"):
        if statement.strip():
            op.execute(statement)
