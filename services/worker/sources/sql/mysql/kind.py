"""Sources of kind sql in MySQL and MariaDB."""

from services.worker.sources.kind import SourceKind
from services.worker.sources.sql.mysql.settings import MysqlSettings, fits, read

MYSQL = SourceKind(
    MysqlSettings,
    read,
    "services.worker.sources.sql.mysql.access",
    introspection="services.worker.sources.sql.mysql.introspect",
    fits=fits,
    rows=True,
    attachments=True,
)
