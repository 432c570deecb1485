"""Reading one blob after the other from a database: each within one transaction, so that its parts belong together."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from services.contract.spec import All, Blob, ColumnType, Kind, Operator, Relation, Term
from services.worker.sources import errors
from services.worker.sources.rows.conditions import Parameter, quoted
from services.worker.sources.settings import SourceSettings
from services.worker.sources.sql import address
from services.worker.sources.sql.adbc import Session
from services.worker.sources.sql.other import cursor
from services.worker.sources.sql.postgres import dialect as postgres
from services.worker.sources.sql.postgres import reading as postgres_reading
from services.worker.sources.sql.sqlite import dialect as sqlite
from services.worker.sources.sql.sqlite import reading as sqlite_reading
from services.worker.sources.stores.streams import PIECE

_TEXT = ColumnType(Kind.TEXT)
Connected = AbstractContextManager[Session]


@dataclass(frozen=True, slots=True)
class Found:
    """A blob of `size` bytes and its first MiB."""

    start: bytes
    size: int


class BlobReader(Protocol):
    """One connection. What it does raises SourceFailed; it is fit for nothing but `close` then."""

    def find(self, blob: Blob, key: tuple[str, ...]) -> Found | None:
        """The blob of this key, as text; None when there is no such row, or null in it."""
        ...

    def part(self, start: int, size: int) -> bytes:
        """`size` bytes of the blob that was found last, which has them."""
        ...

    def rest(self) -> None:
        """Nothing more of that blob is wanted: end the transaction."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


def reader_of(settings: SourceSettings) -> BlobReader:
    """A new connection. Raises SourceFailed."""
    if not settings.url or address.sqlite_file(settings.url) is not None:
        return _Sqlite(settings)
    return _Postgres(settings) if address.is_postgresql(settings.url) else _Other(settings)


class _Adbc(ABC):
    """What SQLite and PostgreSQL have in common."""

    def __init__(self, settings: SourceSettings, connected: Callable[[SourceSettings], Connected]) -> None:
        self._id = settings.id
        self._open = ExitStack()
        self._session = self._open.enter_context(connected(settings))
        self._checked: set[Blob] = set()
        self._last: tuple[str, str, tuple[Parameter, ...]] = ("", "", ())

    def find(self, blob: Blob, key: tuple[str, ...]) -> Found | None:
        self._check(blob)
        condition, parameters = self._matching(blob, key)
        content = self._content(blob.column)
        self._last = (content, f"from {self._rows_of(blob.relation)} where {condition} limit 2", parameters)
        rows = self._select(f"length({content}), substr({content}, 1, {PIECE})")
        if len(rows) > 1:
            raise errors.key_ambiguous(self._id, [k.column for k in blob.key])
        return Found(bytes(rows[0][1] or b""), rows[0][0]) if rows and rows[0][0] is not None else None

    def part(self, start: int, size: int) -> bytes:
        rows = self._select(f"substr({self._last[0]}, {start + 1}, {size})")
        found = bytes(rows[0][0]) if rows and rows[0][0] is not None else b""
        if len(found) != size:
            raise errors.changed(self._id)
        return found

    def rest(self) -> None:
        self._session.end()

    def close(self) -> None:
        with suppress(Exception):  # it may be broken already
            self._open.close()

    def _select(self, what: str) -> list[tuple[Any, ...]]:
        _, rest, parameters = self._last
        return self._session.rows(f"select {what} {rest}", parameters)

    def _check(self, blob: Blob) -> None:
        if blob in self._checked:
            return
        names = {name.casefold() for name in self._session.names(self._rows_of(blob.relation))}
        absent = [name for name in (blob.column, *(k.column for k in blob.key)) if name.casefold() not in names]
        if absent:
            raise errors.column_missing(self._id, absent)
        self._checked.add(blob)

    @abstractmethod
    def _rows_of(self, relation: Relation) -> str: ...

    @abstractmethod
    def _content(self, column: str) -> str: ...

    @abstractmethod
    def _matching(self, blob: Blob, key: tuple[str, ...]) -> tuple[str, tuple[Parameter, ...]]: ...


class _Sqlite(_Adbc):
    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings, sqlite_reading.connected)

    def _rows_of(self, relation: Relation) -> str:
        return sqlite.relation(relation)

    def _content(self, column: str) -> str:
        return f"cast({sqlite.column(column)} as blob)"

    def _matching(self, blob: Blob, key: tuple[str, ...]) -> tuple[str, tuple[Parameter, ...]]:
        terms = (Term(k.column, _TEXT, Operator.EQUALS, (v,)) for k, v in zip(blob.key, key, strict=True))
        matching = sqlite.where(All(tuple(terms)), {})
        return matching.text, matching.parameters


class _Postgres(_Adbc):
    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings, postgres_reading.connected)
        self._types: dict[tuple[Relation, str], str] = {}
        self._session.rows("set session characteristics as transaction isolation level repeatable read, read only")
        self._session.rows(f"set statement_timeout = {int(settings.statement_timeout_s * 1_000)}")
        self._session.end()

    def find(self, blob: Blob, key: tuple[str, ...]) -> Found | None:
        try:
            return super().find(blob, key)
        except errors.SourceFailed as failed:
            if failed.code != errors.VALUE_INVALID:
                raise
            return None  # a text that the type of the key has no value for: no row has it

    def _rows_of(self, relation: Relation) -> str:
        return postgres.relation(relation)

    def _content(self, column: str) -> str:
        return f"r.{quoted(column)}"

    def _matching(self, blob: Blob, key: tuple[str, ...]) -> tuple[str, tuple[Parameter, ...]]:
        # Compared as the type that the column has, which an index can serve.
        types = [self._type(blob.relation, k.column) for k in blob.key]
        typed = enumerate(zip(blob.key, types, strict=True), 1)
        same = [f"r.{quoted(key.column)} = ${n}::text::{type_}" for n, (key, type_) in typed]
        return " and ".join(same), key

    def _type(self, relation: Relation, column: str) -> str:
        if (relation, column) not in self._types:
            rows = f"select r.{quoted(column)} from {self._rows_of(relation)} limit 1"  # noqa: S608 - quoted
            self._types[relation, column] = self._session.rows(f"select pg_typeof(({rows}))::text")[0][0]
        return self._types[relation, column]


class _Other:
    """Any database that SQLAlchemy knows; a blob is in memory as a whole."""

    def __init__(self, settings: SourceSettings) -> None:
        self._id = settings.id
        self._content = b""
        self._guard = cursor.guarded(settings)
        with self._guard():
            import sqlalchemy as sa  # noqa: PLC0415 - few sources need it

            self._connection = sa.create_engine(settings.url, poolclass=sa.NullPool, hide_parameters=True).connect()

    def find(self, blob: Blob, key: tuple[str, ...]) -> Found | None:
        rows = self._rows(blob, key)
        if len(rows) > 1:
            raise errors.key_ambiguous(self._id, [k.column for k in blob.key])
        if not rows or rows[0][0] is None:
            return None
        self._content = bytes(rows[0][0])
        return Found(self._content[:PIECE], len(self._content))

    def part(self, start: int, size: int) -> bytes:
        return self._content[start : start + size]

    def rest(self) -> None:
        self._content = b""
        with self._guard():
            self._connection.rollback()

    def close(self) -> None:
        with suppress(Exception):  # it may be broken already
            self._connection.close()

    def _rows(self, blob: Blob, key: tuple[str, ...]) -> Sequence[Any]:
        with self._guard():
            import sqlalchemy as sa  # noqa: PLC0415

            statement = sa.text(self._statement(blob))
            return self._connection.execute(statement, {f"p{i}": v for i, v in enumerate(key)}).fetchmany(2)

    def _statement(self, blob: Blob) -> str:
        quote_name = self._connection.dialect.identifier_preparer.quote
        query = blob.relation.query.strip().rstrip(";").replace(":", "\\:")
        rows = f"(\n{query}\n)" if query else ".".join(map(quote_name, blob.relation.table.split(".")))
        same = " and ".join(f"r.{quote_name(k.column)} = :p{i}" for i, k in enumerate(blob.key))
        return f"select r.{quote_name(blob.column)} from {rows} r where {same}"  # noqa: S608 - quoted
