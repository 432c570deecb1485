"""Lists by state and by type without walking the history of a tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for column in ("state", "type"):
        op.create_index(
            f"exports_listed_by_{column}",
            "exports",
            ["tenant", column, "id"],
            sqlite_where=sa.text("deleted_time IS NULL"),
            postgresql_where=sa.text("deleted_time IS NULL"),
        )
