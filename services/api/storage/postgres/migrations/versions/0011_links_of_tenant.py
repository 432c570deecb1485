"""The index by which the links of a tenant are counted."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("CREATE INDEX links_of_tenant ON links (tenant, expire_time) WHERE revoke_time IS NULL")
