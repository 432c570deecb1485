"""The index of unconfirmed leases, in place of one of all leases.

Programs of earlier versions find the leases of a poll by other indexes.
"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX exports_unconfirmed ON exports (lease_worker_id, lease_poll_id)"
        " WHERE state IN ('PROCESSING') AND lease_confirmed = 0"
    )
    op.execute("DROP INDEX exports_leased_by")
