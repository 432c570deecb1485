"""Checks a PostgreSQL database."""

from collections.abc import Iterable, Iterator, Sequence
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
from services.worker.sources.sql.names import in_utf8, resolved
from services.worker.sources.sql.postgres import dialect
from services.worker.sources.sql.postgres.introspect import type_of
from services.worker.sources.sql.postgres.reading import opened
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.transaction import COLUMNS, driver_said, is_not_unicode, with_options
from services.worker.sources.sql.source import SqlSource


def check(settings: PostgresSettings, probes: Sequence[Probe]) -> list[Problem]:
    """See Access.check."""
    return list(problems(settings.id, lambda: _reached(settings), probes))


@contextmanager
def _reached(settings: PostgresSettings) -> Iterator["_Live"]:
    with _guarded(settings):
        import psycopg  # noqa: PLC0415 - few sources need it

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
    """The problems.Live of PostgreSQL.

    The columns of a statement are known from its description, without reading a row.
    """

    def __init__(self, connection: Any, settings: PostgresSettings) -> None:
        self._connection = connection
        self._settings = settings

    def columns(self, relation: Relation) -> Sequence[LiveColumn]:
        """See problems.Live. The type of a column that the account may not select is not known and given as text."""
        with _guarded(self._settings), self._connection.cursor() as cursor:
            may_select = self._may_select(relation)
            selected = _listed(name for name, may in may_select.items() if may) if may_select else "*"
            cursor.execute(f"select {selected} from {dialect.relation(relation)} limit 0".encode())  # noqa: S608
            told = [LiveColumn(each.name, self._type(each)) for each in cursor.description]
        return [*told, *(LiveColumn(name, _UNTOLD) for name, may in may_select.items() if not may)]

    def select(self, spec: JobSpec) -> None:
        """See problems.Live."""
        relation = dialect.relation(spec.relation).removesuffix(" as r")
        with _guarded(self._settings):
            may_select = self._may_select(spec.relation)
        if not may_select:
            selected = "*"
        else:
            used = list(dict.fromkeys(resolved(spec, list(may_select), self._settings.id).values()))
            if denied := sorted(name for name in used if not may_select[name]):
                raise errors.columns_denied(self._settings.id, denied)
            selected = _listed(used)
        read_nothing(SqlSource(partial(opened, self._settings)), of_nothing(spec, f"{relation} as r", selected))

    def _may_select(self, relation: Relation) -> dict[str, bool]:
        """Return the columns of a table whose names are UTF-8, and whether the account may select each.

        Empty for a query.
        """
        import psycopg  # noqa: PLC0415

        if not relation.table:
            return {}
        with psycopg.RawCursor(self._connection) as cursor:
            listed = cursor.execute(COLUMNS, (dialect.table_name(relation.table),)).fetchall()
        return {name: may for raw, may in listed for name in in_utf8([bytes(raw)])}

    def _type(self, column: Any) -> ColumnType:
        """Return the type of a column. An unknown type, and a number of any digits, is text; the values then decide."""
        known = self._connection.adapters.types.get(column.type_code)
        is_array = known is not None and known.array_oid == column.type_code
        declared = type_of(column.type_code, is_array=is_array)
        if declared is not None and declared.kind is not Kind.DECIMAL:
            return declared
        precision, scale = column.precision or 0, max(column.scale or 0, 0)
        if declared is None and 0 < precision <= _MAX_DIGITS and scale <= precision:
            return ColumnType(Kind.DECIMAL, precision, scale)
        return declared or ColumnType(Kind.TEXT)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"r.{quoted(name)}" for name in names)


_MAX_DIGITS = 38
_UNTOLD = ColumnType(Kind.TEXT)
