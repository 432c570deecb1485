"""The sources of a worker: opens rows, lines and attachments of the source that a spec names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.contract import capabilities
from services.contract.spec import AttachmentSpec, JobSpec, SourceRef
from services.worker.sources import errors
from services.worker.sources.kind import SourceSettings
from services.worker.sources.kinds import kind_of

if TYPE_CHECKING:
    from services.worker.ports import AttachmentFiles, LinesReading, Source
    from services.worker.sources.access import RowOptions


@dataclass(frozen=True, slots=True)
class Sources:
    """The settings of a worker's sources. They are sent to children; only children import the modules that open them.

    `mask_key` is the key for hashes of masked values; empty means that there is none. A source that does not exist, is
    of another kind, or does not offer what is asked of it raises SourceFailed (SOURCE_UNKNOWN).
    """

    by_id: Mapping[str, SourceSettings]
    mask_key: bytes = field(default=b"", repr=False)

    def capabilities(self, but: frozenset[str] = frozenset()) -> frozenset[str]:
        """Return the names of contract/capabilities.py for a worker with these sources, without the sources in
        `but`.
        """
        return frozenset(self._capabilities(but))

    @property
    def modules(self) -> list[str]:
        """Names of the modules that open these sources, each once."""
        return [*dict.fromkeys(kind_of(settings).module for settings in self.by_id.values())]

    def _capabilities(self, but: frozenset[str]) -> Iterator[str]:
        for settings in (each for id_, each in self.by_id.items() if id_ not in but):
            kind = kind_of(settings)
            if kind.rows:
                yield capabilities.reads_rows(settings.kind, settings.id)
            if kind.attachments:
                yield capabilities.reads_attachments(settings.kind, settings.id)
        if self.mask_key:
            yield capabilities.has_mask_key(capabilities.MASK_KEY)

    def open_rows(self, ref: SourceRef, options: "RowOptions | None" = None) -> "Source":
        """Open the rows of a source, with the spec's limits and masks applied."""
        from services.worker.sources.access import RowOptions  # noqa: PLC0415 - see above
        from services.worker.sources.limits import GuardedSource  # noqa: PLC0415 - as above

        settings = self._named(ref)
        open_rows = kind_of(settings).access().open_rows
        if open_rows is None:
            raise errors.unknown(ref.id, ref.kind)
        return GuardedSource(open_rows(settings, options or RowOptions()), self.mask_key)

    @contextmanager
    def open_lines(self, spec: JobSpec, options: "RowOptions | None" = None) -> "Iterator[LinesReading | None]":
        """Open a reading of encoded lines, within the spec's limits.

        None when the source cannot encode exactly the bytes that the table's writer would write. Raises SourceFailed.
        """
        from services.worker.sources.access import RowOptions  # noqa: PLC0415 - as above
        from services.worker.sources.limits import check_rows  # noqa: PLC0415 - as above

        settings = self._named(spec.source)
        open_lines = kind_of(settings).access().open_lines
        if open_lines is None:
            yield None
            return
        with open_lines(settings, spec, options or RowOptions()) as reading:
            if reading:
                check_rows(reading.rows_total, spec.limits.max_rows, exact=True)
            yield reading

    def open_attachments(self, attachments: tuple[AttachmentSpec, ...]) -> "AttachmentFiles":
        """Open the attachments of a job, whichever sources they come from. The caller closes them."""
        from services.worker.sources.job_attachments import JobAttachments  # noqa: PLC0415 - as above

        return JobAttachments({ref: self.files(ref) for ref in dict.fromkeys(a.source for a in attachments)})

    def files(self, ref: SourceRef) -> "AttachmentFiles":
        """Open the attachments of one source. The caller closes them."""
        settings = self._named(ref)
        open_attachments = kind_of(settings).access().open_attachments
        if open_attachments is None:
            raise errors.unknown(ref.id, ref.kind)
        return open_attachments(settings)

    def reach(self, source_id: str) -> None:
        """Connect to a source and disconnect. Raises SourceFailed or OSError."""
        settings = self.by_id.get(source_id)
        if settings is None:
            raise errors.unknown(source_id, "any")
        kind_of(settings).access().reach(settings)

    def unreachable(self, spec: JobSpec) -> str:
        """Return the first source of a spec that this worker cannot connect to now; empty when there is none."""
        return next((id_ for id_ in _ids(spec) if not self._is_reachable(id_)), "")

    def _is_reachable(self, source_id: str) -> bool:
        try:
            self.reach(source_id)
        except Exception:  # noqa: BLE001 - whatever a driver raises
            return False
        return True

    def _named(self, ref: SourceRef) -> SourceSettings:
        settings = self.by_id.get(ref.id)
        if settings is None or settings.kind != ref.kind:
            raise errors.unknown(ref.id, ref.kind)
        return settings


def _ids(spec: JobSpec) -> list[str]:
    """Return the ids of the spec's sources, each once."""
    return [*dict.fromkeys((spec.source.id, *(each.source.id for each in spec.attachments)))]
