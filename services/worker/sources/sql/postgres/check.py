"""A PostgreSQL database, checked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from services.contract.spec import ColumnType, JobSpec, Kind, Relation
from services.worker.sources import errors
from services.worker.sources.check.nothing import of_nothing, read_nothing
from services.worker.sources.check.problems import Probe, Problem, problems
from services.worker.sources.introspect.tables import LiveColumn
from services.worker.sources.rows.conditions import quoted
from services.worker.sources.sql.failures import of_state
from services.worker.sources.sql.names import in_utf8
from services.worker.sources.sql.postgres import dialect
from services.worker.sources.sql.postgres.introspect import type_of
from services.worker.sources.sql.postgres.reading import opened
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.transaction import COLUMNS, driver_said, is_not_unicode, with_options
from services.worker.sources.sql.source import SqlSource


def check(settings: PostgresSettings, probes: Sequence[Probe]) -> list[Problem]:
    """See SourceKind.check."""
    return list(problems(settings.id, lambda: _reached(settings), probes))


@contextmanager
def _reached(settings: PostgresSettings) -> Iterator["_Live"]:
    with _guarded(settings):
        import psycopg  # noqa: PLC0415 - few need it

        connection = psycopg.connect(with_options(settings.url), client_encoding="utf8", autocommit=True)
    with connection:
        yield _Live(connection, settings)


@contextmanager
def _guarded(settings: PostgresSettings) -> Iterator[None]:
    import psycopg  # noqa: PLC0415

    try:
        yield
    except psycopg.Error as error:
        if is_not_unicode(error.sqlstate):
            raise errors.name_not_utf8(settings.id) from driver_said(error, settings.url)
        raise of_state(error.sqlstate, settings.id) from driver_said(error, settings.url)


class _Live:
    """See problems.Live. What a statement would give is told by its description, without a row."""

    def __init__(self, connection: Any, settings: PostgresSettings) -> None:
        self._connection = connection
        self._settings = settings

    def columns(self, relation: Relation) -> Sequence[LiveColumn]:
        """See problems.Live."""
        with _guarded(self._settings), self._connection.cursor() as cursor:
            cursor.execute(f"select {self._selected(relation)} from {dialect.relation(relation)} limit 0".encode())  # noqa: S608
            return [LiveColumn(each.name, self._type(each)) for each in cursor.description]

    def select(self, spec: JobSpec) -> None:
        """See problems.Live."""
        relation = dialect.relation(spec.relation).removesuffix(" as r")
        with _guarded(self._settings):
            selected = self._selected(spec.relation)
        read_nothing(SqlSource(partial(opened, self._settings)), of_nothing(spec, f"{relation} as r", selected))

    def _selected(self, relation: Relation) -> str:
        """Of a table the columns whose names are UTF-8; of a query all, or it is refused."""
        import psycopg  # noqa: PLC0415

        if not relation.table:
            return "*"
        with psycopg.RawCursor(self._connection) as cursor:
            listed = cursor.execute(COLUMNS, (dialect.table_name(relation.table),)).fetchall()
        return ", ".join(f"r.{quoted(name)}" for name in in_utf8(raw for raw, _ in listed)) or "*"

    def _type(self, column: Any) -> ColumnType:
        """Of a number without digits, as of anything that nobody knows here, text: then the values say."""
        known = self._connection.adapters.types.get(column.type_code)
        is_array = known is not None and known.array_oid == column.type_code
        declared = type_of(column.type_code, is_array=is_array)
        if declared is not None and declared.kind is not Kind.DECIMAL:
            return declared
        precision, scale = column.precision or 0, max(column.scale or 0, 0)
        if declared is None and 0 < precision <= _MAX_DIGITS and scale <= precision:
            return ColumnType(Kind.DECIMAL, precision, scale)
        return declared or ColumnType(Kind.TEXT)


_MAX_DIGITS = 38
