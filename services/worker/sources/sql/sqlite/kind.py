"""Sources of kind sql in a SQLite file."""

from services.worker.sources.kind import SourceKind
from services.worker.sources.sql.sqlite.settings import SqliteSettings, fits, read

SQLITE = SourceKind(
    SqliteSettings,
    read,
    "services.worker.sources.sql.sqlite.access",
    introspection="services.worker.sources.sql.sqlite.introspect",
    fits=fits,
    rows=True,
    attachments=True,
)
