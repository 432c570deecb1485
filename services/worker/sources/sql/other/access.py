"""What a worker can do with sources of kind sql in any other database of SQLAlchemy."""

from functools import partial

from services.worker.ports import AttachmentFiles, Source
from services.worker.sources.access import Access, RowOptions
from services.worker.sources.attachments.blobs import BlobFiles
from services.worker.sources.sql.other.blobs import OtherSqlBlobs
from services.worker.sources.sql.other.check import check
from services.worker.sources.sql.other.cursor import guarded, opened
from services.worker.sources.sql.other.engine import connected, engine
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.source import SqlSource


def _open_rows(settings: OtherSqlSettings, _: RowOptions) -> Source:
    return SqlSource(partial(opened, settings))


def _open_attachments(settings: OtherSqlSettings) -> AttachmentFiles:
    return BlobFiles(settings.id, lambda: OtherSqlBlobs(settings.id, engine(settings).connect, guarded(settings)))


def _reach(settings: OtherSqlSettings) -> None:
    with guarded(settings)(), connected(settings):
        pass


ACCESS = Access(
    open_rows=_open_rows,
    open_attachments=_open_attachments,
    reach=_reach,
    check=check,
)
