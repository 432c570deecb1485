"""Copies ranges of a table over two connections side by side, both in one snapshot."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

from services.contract.spec import JobSpec
from services.runtime import logs
from services.worker.concurrency.lanes import Opening, side_by_side
from services.worker.ports import Lines
from services.worker.sources import errors
from services.worker.sources.errors import SourceFailed
from services.worker.sources.rows.conditions import Sql, literal
from services.worker.sources.sql.postgres.session import Session, connected
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.transaction import SNAPSHOT, Transaction
from services.worker.sources.sql.time_bound import time_bound_s

_BY_INDEX = "set local enable_sort = off"
"""Makes the server use the index.

For a single range it would rather sort the rows of a bitmap scan, and all ranges together would then take one and a
half times as long as a scan of the whole index.
"""
_MAX_WAITING_BYTES = 16 << 20
"""Limit of a connection's lines that wait for the other connection's earlier lines."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the connections of a reading share.

    `id` identifies the snapshot; `copy` makes a statement for a condition.
    """

    settings: PostgresSettings
    spec: JobSpec
    id: str
    copy: Callable[[str], str]
    line_end: bytes


def exported(session: Session) -> str:
    """Export the snapshot of the session's transaction and return its id for another connection.

    If the server refuses that, the transaction is rolled back and the id is empty.
    """
    try:
        return str(session.rows("select pg_export_snapshot()")[0][0])
    except SourceFailed as failed:
        logs.get().info("snapshot_not_exported", cause=logs.outline(failed))
        session.undo()
        return ""


def copied(
    shared: Snapshot, transaction: Transaction, session: Session, parts: Sequence[Sql]
) -> Generator[Lines | int, None, None]:
    """Yield the rows of all parts in order, and how many rows the server reports for each part.

    Raises SourceFailed or LinesUnfit.
    """
    session.rows(_BY_INDEX)
    bound = _Bound(shared)
    first = _CopyLane(shared, transaction, session, bound)
    openings: list[Opening[Sql, Lines | int]] = [lambda: nullcontext(first), lambda: _second(shared, bound)]
    with side_by_side(openings, parts, _MAX_WAITING_BYTES, _size) as items:
        yield from items


class _Bound:
    """The common time limit of all statements."""

    def __init__(self, shared: Snapshot) -> None:
        self._seconds = time_bound_s(shared.settings.statement_timeout_s, shared.spec)
        self._began = time.monotonic()
        self._source_id = shared.settings.id

    def left_ms(self) -> int:
        """Return the milliseconds left, at least 1; 0 is no limit. Raises SourceFailed (READING_TOO_LONG)."""
        if not self._seconds:
            return 0
        left = self._seconds - (time.monotonic() - self._began)
        if left <= 0:
            raise errors.too_long(self._source_id)
        return max(1, int(left * 1000))


class _CopyLane:
    """The concurrency.lanes.Lane of a connection that copies one part after the other."""

    def __init__(self, shared: Snapshot, transaction: Transaction, session: Session, bound: _Bound) -> None:
        self._shared = shared
        self._transaction = transaction
        self._session = session
        self._bound = bound

    def do(self, part: Sql) -> Iterator[Lines | int]:
        """See Lane."""
        left = self._bound.left_ms()
        if left:
            self._session.rows(f"set local statement_timeout = {left}")
        where = self._transaction.set_parameters(part)
        yield from self._session.copied(self._shared.copy(where), self._shared.line_end)

    def interrupt(self) -> None:
        """See Lane."""
        self._session.hang_up()


@contextmanager
def _second(shared: Snapshot, bound: _Bound) -> Iterator[_CopyLane | None]:
    """Open a lane on a second connection; None when no connection can be made or it cannot use the snapshot."""
    with ExitStack() as opened:
        try:
            session = opened.enter_context(connected(shared.settings))
            transaction = Transaction(session, shared.settings)
            transaction.begin(shared.spec, f"{SNAPSHOT}; set transaction snapshot {literal(shared.id)}")
            session.rows(_BY_INDEX)
        except SourceFailed as failed:
            logs.get().info("second_connection_refused", cause=logs.outline(failed))
            lane = None
        else:
            lane = _CopyLane(shared, transaction, session, bound)
        yield lane


def _size(item: Lines | int) -> int:
    return item.nbytes if isinstance(item, Lines) else 0
