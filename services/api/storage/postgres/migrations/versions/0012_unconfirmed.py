"""The index of unconfirmed leases, in place of one of all leases.

Programs of earlier versions find the leases of a poll by other indexes.
"""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX exports_unconfirmed ON exports (lease_worker_id, lease_poll_id)"
        " WHERE state IN ('PROCESSING') AND NOT lease_confirmed"
    )
    op.execute("DROP INDEX exports_leased_by")
