# conditions stand as Alembic rendered them
"""History, announcements, turns of tenants, priorities, and what a sweep needs to know."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

QUEUED = "state IN ('QUEUED')"
FAILED = "state IN ('FAILED')"
PROCESSING = "state IN ('PROCESSING')"
DONE = "state IN ('CANCELLED', 'COMPLETED')"


def upgrade() -> None:
    with op.batch_alter_table("exports") as exports:
        exports.add_column(sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False))
        exports.add_column(sa.Column("notify_email", sa.Text()))
        exports.add_column(sa.Column("callback_url", sa.Text()))
        exports.add_column(sa.Column("email_sent", sa.Boolean(), server_default=sa.text("0"), nullable=False))
        exports.add_column(sa.Column("callback_sent", sa.Boolean(), server_default=sa.text("0"), nullable=False))
        exports.create_check_constraint(op.f("exports_priority_known"), "priority BETWEEN 0 AND 9")
        exports.create_check_constraint(
            op.f("exports_told_where_asked"),
            "(callback_sent = 0 OR callback_url IS NOT NULL) AND (email_sent = 0 OR notify_email IS NOT NULL)",
        )
        exports.drop_index("exports_leasable")
        exports.drop_index("exports_waiting")
    _index("turn", ["tenant", sa.text("priority DESC"), "id", "state"], QUEUED)
    _index("oldest", ["id", "state"], QUEUED)
    _index("turn_again", ["tenant", "next_attempt_time", "id", "state"], FAILED)
    _index("due", ["next_attempt_time", "state"], FAILED)
    _index("running", ["tenant", "state"], PROCESSING)
    _index("deleted", ["deleted_time"], "deleted_time IS NOT NULL")
    _index("ended", ["end_time"], DONE)
    op.create_index("requests_made", "requests", ["create_time"])
    _installation()
    _turns()
    _transitions()
    _deliveries()


def _index(name: str, columns: Sequence[str | sa.TextClause], where: str) -> None:
    condition = sa.text(where)
    op.create_index(f"exports_{name}", "exports", columns, sqlite_where=condition, postgresql_where=condition)


def _installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("installation_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("installation_key")),
    )


def _turns() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("vtime", sa.BigInteger(), nullable=False),
        sa.Column("served", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("tenants_key")),
    )
    op.create_index("tenants_served", "tenants", ["served"])


def _transitions() -> None:
    op.create_table(
        "transitions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("export_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=20), nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name=op.f("transitions_export_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("transitions_key")),
    )
    op.create_index("transitions_of_export", "transitions", ["export_id", "id"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("export_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("notice", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_time", sa.BigInteger()),
        sa.Column("lease_id", sa.Text()),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("end_time", sa.BigInteger()),
        sa.Column("tries", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "(state = 'PENDING') = (next_attempt_time IS NOT NULL) AND (state = 'PENDING') = (end_time IS NULL)",
            name=op.f("deliveries_pending_is_scheduled"),
        ),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name=op.f("deliveries_export_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("deliveries_key")),
        sa.UniqueConstraint("export_id", "run", "channel", name="deliveries_once"),
    )
    pending = sa.text("state = 'PENDING'")
    op.create_index(
        "deliveries_due", "deliveries", ["next_attempt_time"], sqlite_where=pending, postgresql_where=pending
    )
