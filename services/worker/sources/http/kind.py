"""Sources of kind http: rows page by page, and attachments at URLs."""

from services.worker.sources.http.settings import HttpSettings, read
from services.worker.sources.kind import SourceKind

HTTP = SourceKind(
    HttpSettings,
    read,
    "services.worker.sources.http.access",
    introspection="services.worker.sources.http.introspect",
    rows=True,
    attachments=True,
)
