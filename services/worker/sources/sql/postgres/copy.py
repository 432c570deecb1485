"""Rows of a PostgreSQL database as lines of CSV that the server encodes. The worker does not convert any value."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

from services.contract.outcome import Consistency, ExportWarning, MatchedBy
from services.contract.spec import JobSpec
from services.worker.ports import Lines, LinesReading
from services.worker.sources.access import RowOptions
from services.worker.sources.rows.columns import order_types, source_columns
from services.worker.sources.rows.conditions import every, literal
from services.worker.sources.rows.page import rows_on, sql_limit
from services.worker.sources.rows.reading import no_rows_warnings
from services.worker.sources.sql.postgres import dialect, lanes, ranges
from services.worker.sources.sql.postgres.lines import line_value, may_be_lines
from services.worker.sources.sql.postgres.session import Session, connected
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.transaction import Transaction
from services.worker.sources.sql.postgres.types import Columns


@contextmanager
def opened(settings: PostgresSettings, spec: JobSpec, options: RowOptions) -> Iterator[LinesReading | None]:
    """Open a reading of encoded lines; None when the columns, the filter or the table of the spec do not allow it.

    Rows are counted if the spec limits their number. Raises SourceFailed.
    """
    if not may_be_lines(spec):
        yield None
        return
    with connected(settings) as session:
        yield _reading(session, settings, spec, options)


class _CopyReading:
    """The ports.LinesReading of one or several COPY statements."""

    consistency = Consistency.SNAPSHOT

    def __init__(self, copied: Generator[Lines | int, None, None], as_of: datetime, count: int | None) -> None:
        self.as_of: datetime | None = as_of
        self.matched_by = MatchedBy.END_OF_STREAM if count is None else MatchedBy.COUNT
        self.rows_total = count or 0
        self._copied = copied
        self._count = count
        self._sent = 0

    def lines(self) -> Iterator[Lines]:
        """See ports.LinesReading."""
        with closing(self._copied):
            for part in self._copied:
                if isinstance(part, Lines):
                    yield part
                else:
                    self._sent += part

    def rows_matched(self) -> int:
        """See ports.Counted. The number is the snapshot's COUNT, or else the number that the server reports as sent."""
        return self._sent if self._count is None else self._count

    def warnings(self) -> list[ExportWarning]:
        """See ports.Counted."""
        return no_rows_warnings(self.rows_matched())


@dataclass(frozen=True, slots=True)
class _Table:
    """The table to copy. `values` are the columns as COPY must write them; `order` and `page` end the statement."""

    values: Sequence[str]
    relation: str
    order: str
    page: str
    delimiter: str

    def select(self, where: str) -> str:
        """Return the statement for the rows that match a condition."""
        return f"select {', '.join(self.values)} from {self.relation} where {where}{self.order}{self.page}"  # noqa: S608

    def copy(self, where: str) -> str:
        """Return the COPY statement for the rows that match a condition."""
        return f"copy ({self.select(where)}) to stdout (format csv, delimiter {literal(self.delimiter)})"


def _reading(session: Session, settings: PostgresSettings, spec: JobSpec, options: RowOptions) -> LinesReading | None:
    transaction = Transaction(session, settings)
    as_of = transaction.begin(spec)
    columns = transaction.columns(spec)
    matching = dialect.where(spec.filter, columns)
    table = _table(session, spec, columns)
    if table is None or not (matching.exact and transaction.utf8):
        return None
    line_end = spec.table.csv.line_terminator.value.encode()
    where = transaction.set_parameters(matching)
    parts = ranges.of(session, spec, columns, table.select(where)) if options.threads > 1 else ()
    snapshot = lanes.exported(session) if parts else ""
    if parts and not snapshot:  # the refused export ended the transaction
        as_of = transaction.begin(spec)
        where = transaction.set_parameters(matching)
    bounded = spec.limits.max_rows > 0
    of_all = f"select count(*) from {table.relation} where {where}"  # noqa: S608 - quoted
    count = rows_on(spec.page, session.rows(of_all)[0][0]) if bounded else None
    if not snapshot:
        return _CopyReading(session.copied(table.copy(where), line_end), as_of, count)
    shared = lanes.Snapshot(settings, spec, snapshot, table.copy, line_end)
    copied = lanes.copied(shared, transaction, session, [every((matching, part)) for part in parts])
    return _CopyReading(copied, as_of, count)


def _table(session: Session, spec: JobSpec, columns: Columns) -> _Table | None:
    """Return the table; None when COPY cannot write one of its columns with the same bytes as the worker."""
    relation = dialect.relation(spec.relation)
    values = _values(session, spec, columns, relation)
    if values is None:
        return None
    order = dialect.order(spec.order, order_types(spec), columns)
    return _Table(values, relation, order, sql_limit(spec.page), spec.table.csv.delimiter)


def _values(session: Session, spec: JobSpec, columns: Columns, relation: str) -> Sequence[str] | None:
    """Return the expressions of the columns for COPY; None when one of them cannot be written with the same bytes."""
    selection = source_columns(spec, deciding=False)
    raw = ", ".join(columns.raw(c.name) for c in selection)
    declared = session.modifiers(f"select {raw} from {relation} limit 0")  # noqa: S608 - quoted
    values = [line_value(c.name, c.type, columns, digits) for c, digits in zip(selection, declared, strict=True)]
    possible = [value for value in values if value is not None]
    return possible if len(possible) == len(values) else None
