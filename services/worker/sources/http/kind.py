"""Sources of kind http: rows page by page, attachments at URLs."""

from services.worker.ports import Source
from services.worker.sources.http.attachments import UrlFiles
from services.worker.sources.http.check import check
from services.worker.sources.http.introspect import tables
from services.worker.sources.http.settings import HttpSettings, read
from services.worker.sources.http.source import HttpSource
from services.worker.sources.kind import RowOptions, SourceKind


def _open_rows(settings: HttpSettings, _: RowOptions) -> Source:
    return HttpSource(settings)


HTTP = SourceKind(HttpSettings, read, open_rows=_open_rows, open_attachments=UrlFiles, introspect=tables, check=check)
