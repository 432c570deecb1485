"""Decodes whole Parquet files into polars frames for text formats: texts are not converted to Arrow and back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import polars as pl

from services.contract.formats import Format
from services.contract.outcome import Consistency, ExportWarning, MatchedBy
from services.contract.spec import JobSpec, OrderTerm
from services.worker.ports import Frame, LinesReading, LinesUnfit
from services.worker.sources.access import RowOptions
from services.worker.sources.files.listing import listed
from services.worker.sources.files.memory import MemoryLimits
from services.worker.sources.files.settings import FileSettings
from services.worker.sources.files.whole import infinite, row_groups, sorted_frames
from services.worker.sources.files.whole.row_groups import WholeFiles
from services.worker.sources.files.whole.sorted_frames import TooUneven
from services.worker.sources.rows.reading import no_rows_warnings

_TEXT_FORMATS = frozenset({Format.CSV, Format.JSON, Format.JSONL})


@contextmanager
def opened(settings: FileSettings, spec: JobSpec, options: RowOptions) -> Iterator[LinesReading | None]:
    """Open a reading of all rows of the files as frames; None when they must be read as batches.

    Raises SourceFailed.
    """
    if options.careful or not settings.has_row_groups or not _may_be_frames(spec):
        yield None
        return
    as_of = datetime.now(UTC)
    files = listed(settings, spec.relation.path, spec.filter)
    found = row_groups.whole(files, spec, MemoryLimits(), in_order=True)
    yield _FramesReading(found, as_of, spec.order, options) if found else None


def _may_be_frames(spec: JobSpec) -> bool:
    """Whether the writer accepts frames. Workbooks need the bytes of Arrow's texts."""
    as_they_are = all(column.mask is None and not column.becomes_text for column in spec.columns)
    return spec.table.format in _TEXT_FORMATS and as_they_are and sorted_frames.can_sort(spec)


class _FramesReading:
    """The ports.LinesReading of whole files."""

    consistency = Consistency.SNAPSHOT
    matched_by = MatchedBy.COUNT

    def __init__(self, found: WholeFiles, as_of: datetime, order: Sequence[OrderTerm], options: RowOptions) -> None:
        self.as_of: datetime | None = as_of
        self.rows_total = found.rows
        self._found = found
        self._order = order
        self._options = options

    def lines(self) -> Iterator[Frame]:
        """See ports.LinesReading.

        Raises LinesUnfit for infinite dates and timestamps, and when too many rows share the first value of the order.
        """
        try:
            for frame in self._frames():
                if infinite.with_never(frame, self._found.selection):
                    raise LinesUnfit
                for part, size in row_groups.slices(frame):
                    yield Frame(part, size)
                del frame
        except TooUneven as uneven:
            raise LinesUnfit from uneven

    def _frames(self) -> Iterator[pl.DataFrame]:
        if not self._order:
            return self._found.frames()
        return sorted_frames.frames(self._found, self._order, self._options.temp_dir, threads=self._options.threads)

    def rows_matched(self) -> int:
        """See ports.Counted."""
        return self.rows_total

    def warnings(self) -> list[ExportWarning]:
        """See ports.Counted."""
        return no_rows_warnings(self.rows_total)
