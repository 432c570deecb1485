# ruff: noqa: E501  # conditions stand as Alembic rendered them
"""Exports and the request_ids that made them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("file_types", sa.JSON(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("spec", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("cancel_reason", sa.String(length=20)),
        sa.Column("next_attempt_time", sa.BigInteger()),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("update_time", sa.BigInteger(), nullable=False),
        sa.Column("start_time", sa.BigInteger()),
        sa.Column("end_time", sa.BigInteger()),
        sa.Column("duration", sa.BigInteger()),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.Column("deleted_time", sa.BigInteger()),
        sa.Column("lease_id", sa.Text()),
        sa.Column("lease_worker_id", sa.Text()),
        sa.Column("lease_poll_id", sa.Text()),
        sa.Column("lease_confirmed", sa.Boolean(), nullable=False),
        sa.Column("lease_create_time", sa.BigInteger()),
        sa.Column("lease_expire_time", sa.BigInteger()),
        sa.Column("lease_count", sa.BigInteger(), nullable=False),
        sa.Column("unconfirmed_count", sa.Integer(), nullable=False),
        sa.Column("ended_lease_id", sa.Text()),
        sa.Column("file_id", sa.Text()),
        sa.Column("file_name", sa.Text()),
        sa.Column("file_key", sa.Text()),
        sa.Column("file_size_bytes", sa.BigInteger()),
        sa.Column("file_sha256", sa.Text()),
        sa.Column("file_media_type", sa.Text()),
        sa.Column("file_extension", sa.Text()),
        sa.Column("file_entries", sa.JSON()),
        sa.Column("file_entry_count", sa.BigInteger()),
        sa.Column("file_encrypted", sa.Boolean()),
        sa.Column("file_row_count", sa.BigInteger()),
        sa.Column("file_create_time", sa.BigInteger()),
        sa.Column("file_expire_time", sa.BigInteger()),
        sa.Column("rows_matched", sa.BigInteger()),
        sa.Column("rows_written", sa.BigInteger()),
        sa.Column("matched_by", sa.String(length=20)),
        sa.Column("consistency", sa.String(length=20)),
        sa.Column("as_of", sa.BigInteger()),
        sa.Column("build_warnings", sa.JSON()),
        sa.CheckConstraint(
            "(state NOT IN ('COMPLETED')) OR rows_matched IS NOT NULL AND rows_written IS NOT NULL AND rows_matched = rows_written",
            name=op.f("exports_no_row_missing"),
        ),
        sa.CheckConstraint(
            "(state NOT IN ('FAILED', 'QUEUED')) OR attempt < max_attempts", name=op.f("exports_attempt_left")
        ),
        sa.CheckConstraint(
            "(state NOT IN ('PROCESSING')) OR lease_id IS NOT NULL AND lease_worker_id IS NOT NULL AND lease_poll_id IS NOT NULL AND lease_expire_time IS NOT NULL AND start_time IS NOT NULL AND attempt >= 1",
            name=op.f("exports_leased_by_one"),
        ),
        sa.CheckConstraint(
            "cancel_reason IS NULL OR cancel_reason IN ('NOT_RETRYABLE', 'REQUESTED', 'RETRIES_EXHAUSTED')",
            name=op.f("exports_reason_known"),
        ),
        sa.CheckConstraint(
            "deleted_time IS NULL OR state IN ('CANCELLED', 'COMPLETED')", name=op.f("exports_only_done_deleted")
        ),
        sa.CheckConstraint(
            "lease_id IS NULL OR state IN ('COMPLETED', 'FAILED', 'PROCESSING')",
            name=op.f("exports_lease_in_its_states"),
        ),
        sa.CheckConstraint(
            "state IN ('CANCELLED') AND cancel_reason IS NOT NULL OR (state NOT IN ('CANCELLED')) AND cancel_reason IS NULL",
            name=op.f("exports_cancelled_for_a_reason"),
        ),
        sa.CheckConstraint(
            "state IN ('CANCELLED', 'COMPLETED') AND end_time IS NOT NULL OR (state NOT IN ('CANCELLED', 'COMPLETED')) AND end_time IS NULL",
            name=op.f("exports_done_has_ended"),
        ),
        sa.CheckConstraint(
            "state IN ('CANCELLED', 'COMPLETED', 'FAILED', 'PROCESSING', 'QUEUED')", name=op.f("exports_state_known")
        ),
        sa.CheckConstraint(
            "state IN ('COMPLETED') AND file_id IS NOT NULL OR (state NOT IN ('COMPLETED')) AND file_id IS NULL",
            name=op.f("exports_file_when_completed"),
        ),
        sa.CheckConstraint(
            "state IN ('FAILED') AND next_attempt_time IS NOT NULL OR (state NOT IN ('FAILED')) AND next_attempt_time IS NULL",
            name=op.f("exports_failed_is_scheduled"),
        ),
        sa.CheckConstraint(
            "attempt <= lease_count AND unconfirmed_count BETWEEN 0 AND lease_count",
            name=op.f("exports_attempts_were_leased"),
        ),
        sa.CheckConstraint(
            "attempt >= 0 AND attempt <= max_attempts AND max_attempts >= 1", name=op.f("exports_attempts_in_budget")
        ),
        sa.CheckConstraint(
            "file_id IS NULL OR lease_id IS NOT NULL AND file_name IS NOT NULL AND file_key IS NOT NULL AND file_size_bytes IS NOT NULL AND file_sha256 IS NOT NULL AND file_media_type IS NOT NULL AND file_extension IS NOT NULL AND file_entries IS NOT NULL AND file_entry_count IS NOT NULL AND file_encrypted IS NOT NULL AND file_row_count IS NOT NULL AND file_create_time IS NOT NULL AND file_expire_time IS NOT NULL AND matched_by IS NOT NULL AND consistency IS NOT NULL AND build_warnings IS NOT NULL",
            name=op.f("exports_file_is_whole"),
        ),
        sa.CheckConstraint("version >= 1 AND run >= 1", name=op.f("exports_counts_from_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("exports_key")),
    )
    op.create_index(
        "exports_file",
        "exports",
        ["file_id"],
        unique=True,
        sqlite_where=sa.text("file_id IS NOT NULL"),
        postgresql_where=sa.text("file_id IS NOT NULL"),
    )
    op.create_index(
        "exports_leasable",
        "exports",
        ["next_attempt_time", "id", "state"],
        sqlite_where=sa.text("state IN ('FAILED', 'QUEUED')"),
        postgresql_where=sa.text("state IN ('FAILED', 'QUEUED')"),
    )
    op.create_index(
        "exports_leased_by",
        "exports",
        ["lease_worker_id"],
        sqlite_where=sa.text("state IN ('PROCESSING')"),
        postgresql_where=sa.text("state IN ('PROCESSING')"),
    )
    op.create_index(
        "exports_leased_until",
        "exports",
        ["lease_expire_time"],
        sqlite_where=sa.text("state IN ('PROCESSING')"),
        postgresql_where=sa.text("state IN ('PROCESSING')"),
    )
    op.create_index(
        "exports_listed",
        "exports",
        ["tenant", "id"],
        sqlite_where=sa.text("deleted_time IS NULL"),
        postgresql_where=sa.text("deleted_time IS NULL"),
    )
    op.create_index(
        "exports_waiting",
        "exports",
        ["tenant", "id"],
        sqlite_where=sa.text("state IN ('QUEUED')"),
        postgresql_where=sa.text("state IN ('QUEUED')"),
    )
    op.create_table(
        "requests",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("export_id", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"],
            ["exports.id"],
            name=op.f("requests_export_id_fk"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant", "request_id", name=op.f("requests_key")),
    )
    op.create_index("requests_by_export", "requests", ["export_id"])
