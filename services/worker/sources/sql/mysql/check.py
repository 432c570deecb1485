"""Checks a MySQL or MariaDB database."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from services.contract.spec import ColumnType, JobSpec, Kind, Relation
from services.worker.sources.check.nothing import of_nothing, read_nothing
from services.worker.sources.check.problems import Probe, Problem, problems
from services.worker.sources.introspect.tables import LiveColumn
from services.worker.sources.rows.columns import named
from services.worker.sources.sql.mysql import dialect
from services.worker.sources.sql.mysql.dialect import Code
from services.worker.sources.sql.mysql.reading import checked, opened
from services.worker.sources.sql.mysql.session import Session, connected
from services.worker.sources.sql.mysql.settings import MysqlSettings
from services.worker.sources.sql.source import SqlSource

_KINDS: Mapping[int, Kind] = {
    **dict.fromkeys((Code.TINY, Code.SHORT, Code.LONG, Code.LONGLONG, Code.INT24, Code.YEAR, Code.BIT), Kind.INTEGER),
    **dict.fromkeys((Code.FLOAT, Code.DOUBLE), Kind.FLOAT),
    **dict.fromkeys((Code.DATETIME, Code.TIMESTAMP), Kind.TIMESTAMP),
    Code.DATE: Kind.DATE,
    Code.TIME: Kind.TIME,
    Code.GEOMETRY: Kind.BINARY,
}
_MAX_DIGITS = 38


def check(settings: MysqlSettings, probes: Sequence[Probe]) -> list[Problem]:
    """See Access.check."""
    return list(problems(settings.id, lambda: _reached(settings), probes, hides_denied=True))


@contextmanager
def _reached(settings: MysqlSettings) -> Iterator["_Live"]:
    with connected(settings) as session:
        yield _Live(session, settings)


class _Live:
    """The problems.Live of MySQL and MariaDB."""

    def __init__(self, session: Session, settings: MysqlSettings) -> None:
        self._session = session
        self._settings = settings

    def columns(self, relation: Relation) -> Sequence[LiveColumn]:
        """See problems.Live."""
        return [LiveColumn(name, _type(code, scale)) for name, code, scale in self._session.described(relation)]

    def select(self, spec: JobSpec) -> None:
        """See problems.Live."""
        columns = checked(self._session, self._settings, spec)
        used = ", ".join(dict.fromkeys(dialect.quoted(columns.stored[name.casefold()][0]) for name in named(spec)))
        selected = (used if spec.relation.table else "*").replace("%%", "%")
        relation = dialect.relation(spec.relation).removesuffix(" as r").replace("%%", "%")
        read_nothing(SqlSource(partial(opened, self._settings)), of_nothing(spec, f"{relation} as s", selected))


def _type(code: int, scale: int) -> ColumnType:
    """Return the type for a Code. Texts and blobs share one code, and of a decimal only the scale is known."""
    if code == Code.NEWDECIMAL:
        return ColumnType(Kind.DECIMAL, _MAX_DIGITS, scale) if scale <= _MAX_DIGITS else ColumnType(Kind.TEXT)
    return ColumnType(_KINDS.get(code, Kind.TEXT))
