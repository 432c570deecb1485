"""What a worker can do with sources of kind sql in PostgreSQL."""

from functools import partial

from services.worker.ports import AttachmentFiles, Source
from services.worker.sources.access import Access, RowOptions
from services.worker.sources.attachments.blobs import BlobFiles
from services.worker.sources.sql.postgres import copy
from services.worker.sources.sql.postgres.blobs import PostgresBlobs
from services.worker.sources.sql.postgres.check import check
from services.worker.sources.sql.postgres.reading import opened
from services.worker.sources.sql.postgres.session import connected
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.source import SqlSource


def _open_rows(settings: PostgresSettings, _: RowOptions) -> Source:
    return SqlSource(partial(opened, settings))


def _open_attachments(settings: PostgresSettings) -> AttachmentFiles:
    return BlobFiles(settings.id, partial(PostgresBlobs, settings))


def _reach(settings: PostgresSettings) -> None:
    with connected(settings) as session:
        session.rows("select 1")


ACCESS = Access(
    open_rows=_open_rows,
    open_lines=copy.opened,
    open_attachments=_open_attachments,
    reach=_reach,
    check=check,
)
