"""Sources of kind sql in PostgreSQL."""

from services.worker.sources.kind import SourceKind
from services.worker.sources.sql.postgres.settings import PostgresSettings, fits, read

POSTGRES = SourceKind(
    PostgresSettings,
    read,
    "services.worker.sources.sql.postgres.access",
    introspection="services.worker.sources.sql.postgres.introspect",
    fits=fits,
    rows=True,
    attachments=True,
)
