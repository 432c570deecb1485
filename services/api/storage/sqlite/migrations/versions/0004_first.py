"""Creates the whole schema.

The number is that of the last of four earlier migrations that led to the same schema, so that their databases are up to
date.
"""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = None


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";"):
        if statement.strip():
            op.execute(statement)
