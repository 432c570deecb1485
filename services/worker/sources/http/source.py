"""Rows of an HTTP API, page by page."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from services.contract.codes import WarningCode
from services.contract.outcome import Consistency, ExportWarning, MatchedBy
from services.contract.spec import HttpPages, JobSpec
from services.worker.ports import Reading
from services.worker.sources import errors
from services.worker.sources.http.client import HttpClient
from services.worker.sources.http.items import Item, apart, array, values
from services.worker.sources.http.query import ApiRequest, request_for
from services.worker.sources.http.repeats import Repeats
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.http.sorted import OrderCheck
from services.worker.sources.http.walk import Walk
from services.worker.sources.rows import page
from services.worker.sources.rows.columns import SourceColumn, source_columns, with_key
from services.worker.sources.rows.parse import Array, NotOfType
from services.worker.sources.rows.reading import ReadingFacts, SnapshotReading

_BATCH_ROWS = 8_192
_BATCH_BYTES = 8 << 20
_BATCH_S = 1.0


class HttpSource:
    """The Source of an HTTP API."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings

    @contextmanager
    def read(self, spec: JobSpec) -> Iterator[Reading]:
        """See ports.Source. Raises SourceFailed."""
        pages = spec.relation.http
        if pages is None:
            raise errors.relation_missing(self._settings.id)
        request = request_for(spec, pages)
        with closing(HttpClient(self._settings)) as client:
            yield _begun(client, spec, pages, request)


def _begun(client: HttpClient, spec: JobSpec, pages: HttpPages, request: ApiRequest) -> "PagedReading":
    rows = Rows(spec, request.constants, client.source_id)
    as_of = datetime.now(UTC)
    walk = Walk(client, pages, client.below(request.path or ""), Repeats(rows.keys))
    if request.path is not None and not walk.begin() and not request.constants:
        # a value in the path does not exist, so there are no rows
        raise errors.relation_missing(client.source_id)
    return PagedReading(walk, rows, spec, request, as_of)


class Rows:
    """Converts the items of an answer to the columns of a spec."""

    def __init__(self, spec: JobSpec, constants: Mapping[str, str], source_id: str) -> None:
        self.selection = with_key(source_columns(spec, deciding=True), spec)
        self._key = spec.key
        self._constants = constants
        self._source_id = source_id
        self.absent = {c.name: c.label for c in source_columns(spec, deciding=True) if c.name not in constants}
        """Columns that had no value in any item, with their labels."""

    def keys(self, items: Sequence[Item]) -> list[Any]:
        """Return the key of each item. Without a key in the spec, each item is a row of its own.

        Raises SourceFailed when an item lacks a part of its key.
        """
        if not self._key:
            return [object() for _ in items]
        parts = [self._values(items, name) for name in self._key]
        lacking = [name for name, part in zip(self._key, parts, strict=True) if None in part]
        if lacking:
            raise errors.column_missing(self._source_id, lacking)
        return list(map(str, parts[0] if len(parts) == 1 else zip(*parts, strict=True)))

    def batch(self, items: Sequence[Item]) -> pa.RecordBatch:
        """Convert items to a batch with one column for each SourceColumn. Raises SourceFailed."""
        arrays = [self._array(items, c) for c in self.selection]
        return pa.RecordBatch.from_arrays(arrays, names=[f"c{i}" for i in range(len(arrays))])

    def _array(self, items: Sequence[Item], column: SourceColumn) -> Array:
        objects = self._values(items, column.name)
        if column.name in self.absent and any(v is not None for v in objects):
            del self.absent[column.name]
        try:
            return array(objects, column.type)
        except NotOfType:
            return apart(objects, column.type)

    def _values(self, items: Sequence[Item], name: str) -> list[Any]:
        objects = values(items, name)
        constant = self._constants.get(name)
        return objects if constant is None else [constant if v is None else v for v in objects]


class PagedReading(SnapshotReading):
    """The ports.Reading of a walk. The worker applies the filter to every row, whatever the server was given.

    After the last batch, `matched_by` is COUNT if the server stated a number of rows and exactly that many came.
    """

    consistency = Consistency.PAGED

    def __init__(self, walk: Walk, rows: Rows, spec: JobSpec, request: ApiRequest, as_of: datetime) -> None:
        raw = (rows.batch(items) for items in walk.pages() if items)
        super().__init__(raw, rows.selection, ReadingFacts(as_of, None, spec.filter, utf8=True, page=spec.page))
        self._walk = walk
        self._rows = rows
        self._order = OrderCheck(spec)
        if request.complete:
            self.rows_total = page.rows_on(spec.page, walk.stated or 0)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See ports.Reading."""
        for batch in gathered(super().batches()):
            self._order.look(batch)
            yield batch
        if self._walk.ended and self._walk.stated == self.rows_matched():
            self.matched_by = MatchedBy.COUNT

    def warnings(self) -> list[ExportWarning]:
        """See ports.Reading."""
        warnings = super().warnings()
        if self._walk.repeated:
            text = "rows that were returned twice because others were added meanwhile; written once"
            warnings.append(ExportWarning(WarningCode.ROWS_REPEATED, text, self._walk.repeated))
        if self._rows.absent and self._walk.received:
            text = f"columns without a value in any row: {', '.join(self._rows.absent.values())}"
            warnings.append(ExportWarning(WarningCode.COLUMN_EMPTY, text, len(self._rows.absent)))
        return warnings


def gathered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join small batches.

    The pages of an API are small, writers work best with thousands of rows, and progress must stay visible.
    """
    waiting: list[pa.RecordBatch] = []
    since = time.monotonic()
    for batch in batches:
        waiting.append(batch)
        if _is_enough(waiting) or time.monotonic() - since > _BATCH_S:
            yield _joined(waiting)
            waiting, since = [], time.monotonic()
    if waiting:
        yield _joined(waiting)


def _is_enough(waiting: list[pa.RecordBatch]) -> bool:
    return sum(b.num_rows for b in waiting) >= _BATCH_ROWS or sum(b.nbytes for b in waiting) >= _BATCH_BYTES


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
