"""A transaction of PostgreSQL, whichever driver it goes through."""

from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from services.contract.spec import JobSpec
from services.worker.sources import errors
from services.worker.sources.rows.columns import missing, source_columns
from services.worker.sources.rows.conditions import Parameter, Sql, literal, quoted
from services.worker.sources.sql.adbc import LOCKED
from services.worker.sources.sql.postgres import dialect, guards
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.types import Columns, Stored
from services.worker.sources.sql.time_bound import time_bound_s

SNAPSHOT = "set transaction isolation level repeatable read read only"
_TIMED_OUT = "57014"
_WRONG_VALUE = "22"
_WRONG_STATEMENT = ("42", "3F", "0A")


class Statements(Protocol):
    """Statements one after the other on one connection."""

    def rows(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement that gives few; its parameters are called `$1` and so on. Raises SourceFailed."""
        ...

    def names(self, relation: str) -> list[str]:
        """Columns of a relation. Raises SourceFailed, with RELATION_MISSING when it can't be asked."""
        ...


def with_options(url: str) -> str:
    """A host that does not answer must not keep a job for minutes. What the URL says itself stays."""
    query = urlsplit(url).query
    more = "&".join(f"{name}={value}" for name, value in guards.CONNECTION.items() if f"{name}=" not in query)
    return f"{url}{'&' if query else '?'}{more}" if more else url


def failed(sqlstate: str | None, source_id: str) -> errors.SourceFailed:
    """What an error of PostgreSQL means for callers."""
    state = sqlstate or ""
    if state == _TIMED_OUT:
        return errors.too_long(source_id)
    if state == LOCKED:
        return errors.locked(source_id)
    if is_wrong_value(state):
        return errors.value_unconvertible(source_id)
    if state.startswith(_WRONG_STATEMENT):
        return errors.relation_missing(source_id)
    return errors.unavailable(source_id)


def is_wrong_value(sqlstate: str | None) -> bool:
    """Whether a value could not be converted or computed."""
    return (sqlstate or "").startswith(_WRONG_VALUE)


class Transaction:
    """A connection, whose statements see one snapshot until it ends the transaction."""

    def __init__(self, statements: Statements, settings: PostgresSettings) -> None:
        self._statements = statements
        self._settings = settings
        self.utf8 = False

    def begin(self, spec: JobSpec, level: str = SNAPSHOT) -> datetime:
        """Begin a transaction that writes values in one way, whatever the server is set to; when, by its clock."""
        self._statements.rows(level)
        bound_s = time_bound_s(self._settings.statement_timeout_s, spec)
        options = {
            "TimeZone": "UTC",
            "DateStyle": "ISO, YMD",
            "IntervalStyle": "iso_8601",
            "extra_float_digits": "1",
            "standard_conforming_strings": "on",
            "statement_timeout": str(int(bound_s * 1000)),
            **guards.options(self._settings.lock_timeout_s),
        }
        calls = ", ".join(f"set_config({literal(name)}, {literal(value)}, true)" for name, value in options.items())
        calls = f"{calls}, {guards.CHECK_CONNECTION}"
        row = self._statements.rows(f"select current_setting('server_encoding'), statement_timestamp(), {calls}")[0]
        self.utf8 = row[0] == "UTF8"
        return datetime.fromisoformat(str(row[1])).astimezone(UTC)

    def columns(self, spec: JobSpec) -> Columns:
        """The columns that the spec uses. Raises RELATION_MISSING, COLUMN_MISSING."""
        relation = dialect.relation(spec.relation)
        names = self._statements.names(relation)
        absent = missing(spec, names)
        if absent:
            raise errors.column_missing(self._settings.id, absent)
        by_name = {name.casefold(): name for name in names} | {name: name for name in names if name == name.casefold()}
        used = {c.name for c in source_columns(spec, deciding=True)} | {t.column for t in spec.order} | {*spec.key}
        stored_names = [by_name[name] for name in dict.fromkeys(n.casefold() for n in sorted(used)) if name in by_name]
        stored = self._types(relation, stored_names)
        return Columns({column.name.casefold(): column for column in stored}, self._settings.time_zone)

    def _types(self, relation: str, names: list[str]) -> list[Stored]:
        """Their types without a row being read; those of domains are the ones below."""
        types = ", ".join(f"pg_typeof(r.{quoted(name)})::oid" for name in names)
        rows = self._statements.rows(
            "with recursive types(place, own, oid) as ("  # noqa: S608 - quoted
            f" select u.place, u.oid, u.oid from (select array[{types}]::oid[] as oids from (select 1) as one"
            f" left join {relation} on false) as a, unnest(a.oids) with ordinality as u(oid, place)"
            " union all select a.place, a.own, t.typbasetype from types a join pg_type t on t.oid = a.oid"
            " where t.typtype = 'd')"
            " select a.place::int8, a.oid::int8, a.own::regtype::text from types a join pg_type t on t.oid = a.oid"
            " where t.typtype <> 'd' order by a.place"
        )
        return [Stored(names[place - 1], oid, type_) for place, oid, type_ in rows]

    def set_parameters(self, condition: Sql) -> str:
        """The condition's text, once what it compares with is set for the transaction."""
        text, statements = dialect.parameters(condition)
        for statement, values in statements:
            self._statements.rows(statement, values)
        return text
