"""What a worker can do with sources of kind sql in MySQL and MariaDB."""

from functools import partial

from services.worker.ports import AttachmentFiles, Source
from services.worker.sources.access import Access, RowOptions
from services.worker.sources.attachments.blobs import BlobFiles
from services.worker.sources.sql.mysql.check import check
from services.worker.sources.sql.mysql.reading import opened
from services.worker.sources.sql.mysql.session import connected, connection_of, guarded
from services.worker.sources.sql.mysql.settings import MysqlSettings
from services.worker.sources.sql.other.blobs import OtherSqlBlobs
from services.worker.sources.sql.source import SqlSource


def _open_rows(settings: MysqlSettings, _: RowOptions) -> Source:
    return SqlSource(partial(opened, settings))


def _open_attachments(settings: MysqlSettings) -> AttachmentFiles:
    connect = partial(connection_of, settings)
    return BlobFiles(settings.id, lambda: OtherSqlBlobs(settings.id, connect, guarded(settings)))


def _reach(settings: MysqlSettings) -> None:
    with connected(settings):
        pass


ACCESS = Access(
    open_rows=_open_rows,
    open_attachments=_open_attachments,
    reach=_reach,
    check=check,
)
