"""Run by Alembic, over the connection and inside the transaction that migrate.py gives it."""

from alembic import context

from services.api.storage.sql.schema.indexes import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
