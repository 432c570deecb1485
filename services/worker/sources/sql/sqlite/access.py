"""What a worker can do with sources of kind sql in a SQLite file."""

from functools import partial

from services.worker.ports import AttachmentFiles, Source
from services.worker.sources.access import Access, RowOptions
from services.worker.sources.attachments.blobs import BlobFiles
from services.worker.sources.sql.source import SqlSource
from services.worker.sources.sql.sqlite.blobs import SqliteBlobs
from services.worker.sources.sql.sqlite.check import check
from services.worker.sources.sql.sqlite.reading import opened
from services.worker.sources.sql.sqlite.settings import SqliteSettings


def _open_rows(settings: SqliteSettings, _: RowOptions) -> Source:
    return SqlSource(partial(opened, settings))


def _open_attachments(settings: SqliteSettings) -> AttachmentFiles:
    return BlobFiles(settings.id, partial(SqliteBlobs, settings))


def _reach(settings: SqliteSettings) -> None:
    with settings.path.open("rb"):
        pass


ACCESS = Access(
    open_rows=_open_rows,
    open_attachments=_open_attachments,
    reach=_reach,
    check=check,
)
