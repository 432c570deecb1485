"""Sources of kind sql in any other database of SQLAlchemy."""

from services.worker.sources.kind import SourceKind
from services.worker.sources.sql.other.settings import OtherSqlSettings, read

OTHER_SQL = SourceKind(
    OtherSqlSettings,
    read,
    "services.worker.sources.sql.other.access",
    introspection="services.worker.sources.sql.other.introspect",
    rows=True,
    attachments=True,
)
