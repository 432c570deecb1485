"""Checks a SQLite database. The types of columns are derived from their first values."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from services.contract.spec import JobSpec, Relation
from services.worker.sources import errors
from services.worker.sources.check.nothing import of_nothing, read_nothing
from services.worker.sources.check.problems import Probe, Problem, problems
from services.worker.sources.introspect.tables import LiveColumn
from services.worker.sources.sql.failures import driver_error, of_words
from services.worker.sources.sql.source import SqlSource
from services.worker.sources.sql.sqlite import dialect
from services.worker.sources.sql.sqlite.introspect import opened as looked_into
from services.worker.sources.sql.sqlite.introspect import relation_columns
from services.worker.sources.sql.sqlite.reading import opened
from services.worker.sources.sql.sqlite.settings import SqliteSettings


def check(settings: SqliteSettings, probes: Sequence[Probe]) -> list[Problem]:
    """See Access.check."""
    return list(problems(settings.id, lambda: _reached(settings), probes))


@contextmanager
def _reached(settings: SqliteSettings) -> Iterator["_Live"]:
    live = _Live(settings)
    live.columns(Relation(table="sqlite_schema"))
    yield live


class _Live:
    """The problems.Live of SQLite. `sqlite3` and ADBC must not have the file open at the same time: see reading.py."""

    def __init__(self, settings: SqliteSettings) -> None:
        self._settings = settings
        self._names: dict[Relation, list[str]] = {}

    def columns(self, relation: Relation) -> Sequence[LiveColumn]:
        """See problems.Live."""
        try:
            with closing(looked_into(self._settings)) as connection:
                columns = relation_columns(connection, relation)
        except sqlite3.OperationalError as error:
            reached = "unable to open" not in str(error)
            refused = errors.query_invalid if reached else errors.unavailable
            raise of_words(str(error), self._settings.id, refused) from driver_error(error)
        except UnicodeDecodeError as error:
            raise errors.name_not_utf8(self._settings.id) from driver_error(error)
        except sqlite3.Error as error:
            raise errors.unavailable(self._settings.id) from driver_error(error)
        self._names[relation] = [column.name for column in columns]
        return columns

    def select(self, spec: JobSpec) -> None:
        """See problems.Live."""
        names = self._names.get(spec.relation, ())
        selected = ", ".join(map(dialect.column, names)) if spec.relation.table else "*"
        nothing = of_nothing(spec, dialect.relation(spec.relation), selected or "*")
        read_nothing(SqlSource(partial(opened, self._settings)), nothing)
