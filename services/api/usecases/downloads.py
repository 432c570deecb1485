"""Files: what is known of one, and opening it to download."""

from dataclasses import dataclass

from services.api.domain.export import Export, StoredFile
from services.api.domain.states import State
from services.api.ports.artifacts import ArtifactReader, ArtifactStore
from services.api.ports.clock import Clock
from services.api.ports.exports import ExportStore
from services.api.secrets.seals import Inspection, Seals
from services.api.usecases.lookup import export_of, file_of
from services.contract.errors import (
    ExportCancelled,
    ExportNotReady,
    FileChanged,
    FileDamaged,
    FileExpired,
    OffsetOutOfRange,
)


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """Exactly one of `export_id` and `file_id`; `limit` 0 is to the end; `if_sha256` empty is any file."""

    export_id: str = ""
    file_id: str = ""
    offset: int = 0
    limit: int = 0
    if_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """The bytes from `offset` to before `end` of an open file; whoever has it closes `reader`.

    `inspection` looks at the bytes of a whole file; a part has none.
    """

    export: Export
    file: StoredFile
    reader: ArtifactReader
    offset: int
    end: int
    inspection: Inspection | None


class Downloads:
    """Finds files and opens them."""

    def __init__(self, store: ExportStore, artifacts: ArtifactStore, clock: Clock) -> None:
        self._store = store
        self._artifacts = artifacts
        self._clock = clock
        self._seals = Seals()

    async def file(self, tenant: str, file_id: str) -> tuple[Export, StoredFile]:
        """A file that can be downloaded, and the export that made it. Raises FileNotFound, FileExpired."""
        return self._unexpired(*await file_of(self._store, tenant, file_id))

    async def open(self, tenant: str, request: DownloadRequest) -> Download:
        """Raises what DownloadFile may end with; nothing is open then."""
        export, file = self._unexpired(*await self._requested(tenant, request))
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
