"""A transaction of PostgreSQL, for any driver."""

import re
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import pyarrow as pa

from services.contract.spec import JobSpec
from services.worker.sources import errors
from services.worker.sources.rows.conditions import Parameter, Sql, literal, quoted
from services.worker.sources.sql import address
from services.worker.sources.sql.failures import driver_error, is_of_value
from services.worker.sources.sql.names import in_utf8, resolved
from services.worker.sources.sql.postgres import dialect, guards
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.types import Columns, Stored
from services.worker.sources.sql.time_bound import time_bound_s

NATIVE = "case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end"
"""The encoding for names, which are selected as bytes: in a database without an encoding they may not be UTF-8."""
COLUMNS = (
    f"select convert_to(attname::text, {NATIVE}), has_column_privilege(attrelid, attnum, 'select') from pg_attribute"  # noqa: S608
    " where attrelid = to_regclass($1::text) and attnum > 0 and not attisdropped order by attnum"
)
SNAPSHOT = "set transaction isolation level repeatable read read only"
_WRONG_VALUE = "22"
_AMONG_ROWS = "Execution error"
_TOOK_TOO_LONG = re.compile("statement timeout")
_NOT_CONVERTED = re.compile("invalid input|invalid byte|invalid value|division by zero|out of range|(over|under)flow")
_STATES = ((_TOOK_TOO_LONG, "57014"), (_NOT_CONVERTED, "22000"))
_AT_A_ROW = "ReadRecord"
"""Part of ADBC's errors that quote a value that could not be converted."""


class Statements(Protocol):
    """Runs statements one after the other on one connection."""

    def rows(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement with few rows. Its parameters are `$1` and so on. Raises SourceFailed."""
        ...

    def names(self, relation: str) -> list[str]:
        """Return the names of a relation's columns.

        Raises SourceFailed, with RELATION_MISSING if the relation cannot be queried.
        """
        ...


def with_options(url: str) -> str:
    """Add connection options to a URL, so that a host that does not answer cannot block a job for minutes.

    Options in the URL take precedence.
    """
    query = urlsplit(url).query
    more = "&".join(f"{name}={value}" for name, value in guards.CONNECTION.items() if f"{name}=" not in query)
    return f"{url}{'&' if query else '?'}{more}" if more else url


def is_not_unicode(sqlstate: str | None) -> bool:
    """Whether a text could not be converted to UTF-8 for the client."""
    return sqlstate in ("22021", "22P05")


def is_wrong_value(sqlstate: str | None) -> bool:
    """Whether a value could not be converted or computed."""
    return (sqlstate or "").startswith(_WRONG_VALUE)


def state_of(error: BaseException) -> str | None:
    """Return the SQLSTATE.

    For an error while rows are read, ADBC has only the message, from which the state is derived.
    """
    state: str | None = getattr(error, "sqlstate", None)
    if state or _AMONG_ROWS not in str(error):
        return state
    return next((code for words, code in _STATES if words.search(str(error))), None)


def driver_said(error: BaseException, url: str) -> errors.DriverError:
    """Return the error of PostgreSQL or its driver for the log."""
    state = state_of(error)
    unsure = state is None and isinstance(error, pa.ArrowException | OSError)
    told = driver_error(error, state=state, of_value=is_of_value(state) or unsure or _AT_A_ROW in str(error))
    return errors.DriverError(address.scrubbed(str(told), url))


class Transaction:
    """A connection whose statements see one snapshot until the transaction ends."""

    def __init__(self, statements: Statements, settings: PostgresSettings) -> None:
        self._statements = statements
        self._settings = settings
        self.utf8 = False

    def begin(self, spec: JobSpec, level: str = SNAPSHOT) -> datetime:
        """Begin a transaction in which the server formats values independently of its settings.

        Return its time by the server's clock.
        """
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
        """Return the columns that the spec uses.

        Raises SourceFailed when the relation does not exist or differs from the spec.
        """
        relation = dialect.relation(spec.relation)
        meant = resolved(spec, self._names(spec, relation), self._settings.id)
        stored = self._types(relation, list(dict.fromkeys(meant.values())))
        by_name = {column.name: column for column in stored}
        return Columns({name: by_name[column] for name, column in meant.items()}, self._settings.time_zone)

    def _names(self, spec: JobSpec, relation: str) -> list[str]:
        """Return the names of the columns, and check that the account may select those of the spec.

        `select *` would fail because of other columns.
        """
        if not spec.relation.table:
            return self._statements.names(relation)
        rows = self._statements.rows(COLUMNS, (dialect.table_name(spec.relation.table),))
        if not rows:
            raise errors.relation_missing(self._settings.id)
        may_select = {name: may for raw, may in rows for name in in_utf8([bytes(raw)])}
        names = list(may_select)
        denied = {name for name, may in may_select.items() if not may} & set(
            resolved(spec, names, self._settings.id).values()
        )
        if denied:
            raise errors.columns_denied(self._settings.id, sorted(denied))
        return names

    def _types(self, relation: str, names: list[str]) -> list[Stored]:
        """Return the types of columns without reading a row. For a domain, the type is the underlying one."""
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
        """Set the condition's parameters for the transaction, and return its text."""
        text, statements = dialect.parameters(condition)
        for statement, values in statements:
            self._statements.rows(statement, values)
        return text
