"""The sources of a worker: rows, lines and attachments by the source that a spec names."""

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
    """They travel to children, which alone import what opens them.

    `mask_key` is what masked values are hashed with; empty: there is none.

    What a source is not there for, or is of another kind for, raises SourceFailed (SOURCE_UNKNOWN).
    """

    by_id: Mapping[str, SourceSettings]
    mask_key: bytes = field(default=b"", repr=False)

    def capabilities(self, but: frozenset[str] = frozenset()) -> frozenset[str]:
        """What a worker with these sources can do, but for some of them, by the names of contract/capabilities.py."""
        return frozenset(self._capabilities(but))

    @property
    def modules(self) -> list[str]:
        """What opens them, each module once."""
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
        """The rows of a source, guarded: within the spec's limits, and masked."""
        from services.worker.sources.access import RowOptions  # noqa: PLC0415 - see above
        from services.worker.sources.limits import GuardedSource  # noqa: PLC0415 - see above

        settings = self._named(ref)
        open_rows = kind_of(settings).access().open_rows
        if open_rows is None:
            raise errors.unknown(ref.id, ref.kind)
        return GuardedSource(open_rows(settings, options or RowOptions()), self.mask_key)

    @contextmanager
    def open_lines(self, spec: JobSpec, options: "RowOptions | None" = None) -> "Iterator[LinesReading | None]":
        """A reading of the spec by a source that itself writes the file's lines, within the spec's limits; None: it
        can't, or it would not write the very same bytes. Raises SourceFailed.
        """
        from services.worker.sources.access import RowOptions  # noqa: PLC0415 - see above
        from services.worker.sources.limits import check_rows  # noqa: PLC0415 - see above

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
        """Those of a job, wherever each of them is; whoever asks closes them."""
        from services.worker.sources.job_attachments import JobAttachments  # noqa: PLC0415 - see above

        return JobAttachments({ref: self.files(ref) for ref in dict.fromkeys(a.source for a in attachments)})

    def files(self, ref: SourceRef) -> "AttachmentFiles":
        """The attachments of a source; whoever asks closes them."""
        settings = self._named(ref)
        open_attachments = kind_of(settings).access().open_attachments
        if open_attachments is None:
            raise errors.unknown(ref.id, ref.kind)
        return open_attachments(settings)

    def reach(self, source_id: str) -> None:
        """Connect to where a source is, and let go. Raises SourceFailed, OSError."""
        settings = self.by_id.get(source_id)
        if settings is None:
            raise errors.unknown(source_id, "any")
        kind_of(settings).access().reach(settings)

    def unreachable(self, spec: JobSpec) -> str:
        """The first source of a spec that this worker cannot connect to now; empty: it can to all of them."""
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
    """The sources of a spec, each once."""
    return [*dict.fromkeys((spec.source.id, *(each.source.id for each in spec.attachments)))]
