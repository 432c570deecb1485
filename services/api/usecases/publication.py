"""Turns what a worker built into files: checks it in the store, and gives it a name and an expiry time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from services.api.domain.export import Export, StoredFile
from services.api.domain.filenames import attachments_name, file_name
from services.api.ports.artifacts import ArtifactStore, Content
from services.contract.errors import InvalidRequest, RowsMissing, StoreMismatch, Violation
from services.contract.formats import Packaging
from services.contract.job import LeaseRef
from services.contract.outcome import Artifact, Built
from services.contract.store import artifact_prefix


@dataclass(frozen=True, slots=True)
class Files:
    """The file of an export, and that of its attachments if they are separate."""

    table: StoredFile
    attachments: StoredFile | None


class Publication:
    """Ensures that every file is in the store and is what the export asked for."""

    def __init__(self, artifacts: ArtifactStore, new_file_id: Callable[[], str]) -> None:
        self._artifacts = artifacts
        self._new_file_id = new_file_id

    async def inspect(self, lease: LeaseRef, built: Built) -> None:
        """Check the artifacts that a worker reported.

        Raises StoreMismatch unless each object is below the prefix of this lease and has the reported size. Raises
        InvalidRequest if the sha256 or the GMAC of its bytes is another than the reported one, as far as the store can
        tell.
        """
        contents = [(field, artifact, await self._found(lease, artifact)) for field, artifact in _artifacts(built)]
        for field, artifact, content in contents:
            for name, reported, found in (
                ("sha256", artifact.sha256, content.sha256),
                ("gmac", artifact.gmac, content.gmac),
            ):
                if found not in ("", reported):
                    raise InvalidRequest((Violation(f"{field}.{name}", f"the bytes in the store have {found}"),))

    def files(self, export: Export, built: Built, now: datetime) -> Files:
        """Return the files that `built` becomes.

        Raises InvalidRequest if they are not those that the export asked for.
        """
        if built.artifact.encrypted is not export.encrypted:
            expected = "an encrypted file" if export.encrypted else "a file that is not encrypted"
            raise InvalidRequest((Violation("artifact.encrypted", f"this export asks for {expected}"),))
        separate = export.options.packaging is Packaging.SEPARATE and bool(export.file_types)
        if separate is not (built.attachments is not None):
            expected = "attachments in a file of their own" if separate else "no attachments in a file of their own"
            raise InvalidRequest((Violation("attachments", f"this export asks for {expected}"),))
        return Files(self._table(export, built, now), self._attachments(export, built, now))

    def _table(self, export: Export, built: Built, now: datetime) -> StoredFile:
        id_, artifact = self._new_file_id(), built.artifact
        name = file_name(export.options.filename or id_, artifact.extension)
        return StoredFile(id_, name, artifact, built.stats.rows_written, now, now + export.options.ttl)

    def _attachments(self, export: Export, built: Built, now: datetime) -> StoredFile | None:
        id_, artifact, filename = self._new_file_id(), built.attachments, export.options.filename
        if artifact is None:
            return None
        beside = attachments_name(filename, built.artifact.extension, artifact.extension)
        name = beside if filename else file_name(id_, artifact.extension)
        return StoredFile(id_, name, artifact, 0, now, now + export.options.ttl)

    async def _found(self, lease: LeaseRef, artifact: Artifact) -> Content:
        expected = f"{artifact.size_bytes} bytes"
        if not artifact.key.startswith(artifact_prefix(lease)):
            raise StoreMismatch(expected, "a key of another lease")
        content = await self._artifacts.content(artifact.key, gmac_will_do=bool(artifact.gmac))
        if content is None or content.size_bytes != artifact.size_bytes:
            raise StoreMismatch(expected, f"{content.size_bytes} bytes" if content else "nothing")
        return content


def check(built: Built) -> None:
    """Raise RowsMissing if the numbers of matched and written rows differ."""
    stats = built.stats
    if stats.rows_matched != stats.rows_written:
        raise RowsMissing(stats.rows_matched, stats.rows_written)


def _artifacts(built: Built) -> Iterator[tuple[str, Artifact]]:
    """Yield each artifact with the name of its field in the message of the queue."""
    yield "artifact", built.artifact
    if built.attachments:
        yield "attachments_artifact", built.attachments
