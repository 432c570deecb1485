"""Checks any other database. The types of columns are known for DuckDB only."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from services.contract.spec import ColumnType, JobSpec, Kind, Relation
from services.worker.sources.check.nothing import of_nothing, read_nothing
from services.worker.sources.check.problems import Probe, Problem, problems
from services.worker.sources.introspect import duckdb_types
from services.worker.sources.introspect.tables import LiveColumn
from services.worker.sources.sql.other.cursor import guarded, opened
from services.worker.sources.sql.other.engine import connected
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.source import SqlSource

if TYPE_CHECKING:
    import sqlalchemy as sa

_TEXT = ColumnType(Kind.TEXT)


def check(settings: OtherSqlSettings, probes: Sequence[Probe]) -> list[Problem]:
    """See Access.check."""
    return list(problems(settings.id, lambda: _reached(settings), probes))


@contextmanager
def _reached(settings: OtherSqlSettings) -> Iterator["_Live"]:
    with guarded(settings)(), connected(settings) as connection:
        yield _Live(connection, settings)


class _Live:
    """The problems.Live of any other database."""

    def __init__(self, connection: "sa.Connection", settings: OtherSqlSettings) -> None:
        self._connection = connection
        self._settings = settings

    def columns(self, relation: Relation) -> Sequence[LiveColumn]:
        """See problems.Live."""
        import sqlalchemy as sa  # noqa: PLC0415 - few sources need it

        read = self._written(relation)
        with guarded(self._settings)():
            self._connection.rollback()  # a failed statement may have left a failed transaction
            if self._connection.dialect.name == "duckdb":
                described = self._connection.execute(sa.text(f"describe select * from {read}"))  # noqa: S608 - quoted
                return [duckdb_types.live_column(row[0], row[1], ()) for row in described]
            result = self._connection.execute(sa.text(f"select * from {read} where 1 = 0"))  # noqa: S608 - quoted
            return [LiveColumn(name, _TEXT) for name in result.keys()]  # noqa: SIM118 - not a mapping

    def select(self, spec: JobSpec) -> None:
        """See problems.Live."""
        relation = self._written(spec.relation).replace("\\:", ":")
        read_nothing(SqlSource(partial(opened, self._settings)), of_nothing(spec, relation))

    def _written(self, relation: Relation) -> str:
        query = relation.query.strip().rstrip(";").replace(":", "\\:")
        quote = self._connection.dialect.identifier_preparer.quote
        schema, dot, table = relation.table.rpartition(".")
        return f"(\n{query}\n) s" if query else f"{quote(schema) + dot if dot else ''}{quote(table)} s"
