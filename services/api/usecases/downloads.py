"""Files: looking one up, and opening it for a download."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.api.domain.audit import Action, of_export
from services.api.domain.export import Export, StoredFile
from services.api.domain.states import State
from services.api.ports.artifacts import ArtifactReader, ArtifactStore
from services.api.ports.audit import AuditStore
from services.api.ports.clock import Clock
from services.api.ports.exports import ExportStore
from services.api.secrets.seals import Inspection, Seals
from services.api.usecases.lookup import export_of, file_of
from services.api.usecases.origin import ORIGIN
from services.contract.errors import (
    DownloadUrlUnsupported,
    ExportCancelled,
    ExportNotReady,
    FileChanged,
    FileDamaged,
    FileExpired,
    OffsetOutOfRange,
)


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """A request for a file. Exactly one of `export_id` and `file_id` is set.

    `limit` is in bytes; 0 means to the end. An empty `if_sha256` matches every file.
    """

    export_id: str = ""
    file_id: str = ""
    offset: int = 0
    limit: int = 0
    if_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """The bytes from `offset` to `end` (exclusive) of an open file. The owner of this must close `reader`.

    `inspection` checks the bytes of a whole file; it is None for a part of a file.
    """

    export: Export
    file: StoredFile
    reader: ArtifactReader
    offset: int
    end: int
    inspection: Inspection | None


@dataclass(frozen=True, slots=True)
class DownloadUrl:
    """A URL with which anybody can GET `file` until `expire_time`. It is a secret: it must not be logged."""

    file: StoredFile
    expire_time: datetime
    url: str = field(repr=False)


MIN_URL_LIFE = timedelta(seconds=1)
"""Stores count in whole seconds."""


class Downloads:
    """Looks files up and opens them. `url_life`: how long URLs are valid, if the file does not expire before."""

    def __init__(
        self, store: ExportStore, artifacts: ArtifactStore, audit: AuditStore, clock: Clock, url_life: timedelta
    ) -> None:
        self._store = store
        self._audit = audit
        self._url_life = url_life
        self._artifacts = artifacts
        self._clock = clock
        self._seals = Seals()

    async def file(self, tenant: str, file_id: str) -> tuple[Export, StoredFile]:
        """Return a file that can be downloaded, and its export. Raises FileNotFound, FileExpired."""
        return self._unexpired(*await file_of(self._store, tenant, file_id))

    async def requested(self, tenant: str, request: DownloadRequest) -> tuple[Export, StoredFile]:
        """Return the file of a request, without opening it, and its export. Raises the errors about their state."""
        return self._unexpired(*await self._requested(tenant, request))

    async def open(self, tenant: str, request: DownloadRequest) -> Download:
        """Open a file for a download. Raises every error that DownloadFile may end with; nothing is left open then."""
        export, file = await self.requested(tenant, request)
        if request.if_sha256 and request.if_sha256.lower() != file.artifact.sha256:
            raise FileChanged(file.id, file.artifact.sha256)
        size = file.artifact.size_bytes
        if not 0 <= request.offset <= size or request.limit < 0:
            raise OffsetOutOfRange(request.limit if request.limit < 0 else request.offset, size)
        reader = await self._artifacts.open(file.artifact.key, request.offset)
        if reader is None:
            raise FileDamaged(file.id)
        if reader.size_bytes != size:
            await reader.close()
            raise FileDamaged(file.id)
        end = min(size, request.offset + request.limit) if request.limit else size
        is_whole = request.offset == 0 and end == size
        inspection = self._seals.inspection(file.artifact.sha256) if is_whole else None
        return Download(export, file, reader, request.offset, end, inspection)

    async def url(self, tenant: str, request: DownloadRequest) -> DownloadUrl:
        """Return a URL of the whole file. Raises the errors of GetDownloadUrl.

        It is entered in the audit trail first. What is downloaded with it is not known here.
        """
        export, file = await self.requested(tenant, request)
        if await self._artifacts.size(file.artifact.key) != file.artifact.size_bytes:
            raise FileDamaged(file.id)
        now = self._clock()
        life = max(MIN_URL_LIFE, min(self._url_life, file.expire_time - now))
        url = await self._artifacts.signed_url(file.artifact.key, life)
        if url is None:
            raise DownloadUrlUnsupported(file.id)
        ends = (now + life).isoformat(timespec="seconds")
        issued = of_export(Action.DOWNLOAD_URL_ISSUED, export, ORIGIN.get(), now, file_id=file.id, expires=ends)
        await self._audit.add([issued])
        return DownloadUrl(file, now + life, url)

    async def _requested(self, tenant: str, request: DownloadRequest) -> tuple[Export, StoredFile]:
        if request.file_id:
            return await file_of(self._store, tenant, request.file_id)
        export = await export_of(self._store, tenant, request.export_id)
        if export.state is State.CANCELLED:
            raise ExportCancelled(export.id)
        if export.file is None:
            raise ExportNotReady(export.id, export.state.value)
        return export, export.file

    def _unexpired(self, export: Export, file: StoredFile) -> tuple[Export, StoredFile]:
        if file.expired(self._clock()):
            raise FileExpired(file.id)
        return export, file
