# ruff: noqa: E501  # conditions stand as Alembic rendered them
"""Passwords of exports, and attachments as a file of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("exports") as exports:
        exports.add_column(sa.Column("encrypted", sa.Boolean(), server_default=sa.text("0"), nullable=False))
        exports.add_column(sa.Column("sealed_password", sa.LargeBinary()))
        exports.add_column(sa.Column("attachments_id", sa.Text()))
        exports.add_column(sa.Column("attachments", sa.JSON()))
        exports.create_check_constraint(
            op.f("exports_password_until_done"),
            "sealed_password IS NOT NULL AND encrypted = 1 AND (state NOT IN ('CANCELLED', 'COMPLETED')) OR sealed_password IS NULL AND NOT (encrypted = 1 AND (state NOT IN ('CANCELLED', 'COMPLETED')))",
        )
        exports.create_check_constraint(
            op.f("exports_sealed_as_asked"), "file_id IS NULL OR file_encrypted = encrypted"
        )
        exports.create_check_constraint(
            op.f("exports_attachments_beside_file"), "attachments_id IS NULL OR file_id IS NOT NULL"
        )
        exports.create_check_constraint(
            op.f("exports_attachments_are_whole"),
            "attachments_id IS NOT NULL AND attachments IS NOT NULL OR attachments_id IS NULL AND attachments IS NULL",
        )
    op.create_index(
        "exports_attachments",
        "exports",
        ["attachments_id"],
        unique=True,
        sqlite_where=sa.text("attachments_id IS NOT NULL"),
        postgresql_where=sa.text("attachments_id IS NOT NULL"),
    )
