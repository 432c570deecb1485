"""The tables of a PostgreSQL database."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.contract.spec import ColumnType, Kind
from services.worker.sources import errors
from services.worker.sources.introspect.keys import MAX_ROWS, Row, with_keys
from services.worker.sources.introspect.names import NAME_NOT_UNICODE, is_unicode
from services.worker.sources.introspect.tables import GUESSED, SAMPLE, Link, LiveColumn, LiveTable, TableNames
from services.worker.sources.introspect.types import MAX_DIGITS, decimal_of
from services.worker.sources.rows.conditions import literal, quoted
from services.worker.sources.said import all_said
from services.worker.sources.sql.adbc import Session
from services.worker.sources.sql.postgres import dialect
from services.worker.sources.sql.postgres.reading import connected
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.transaction import NATIVE
from services.worker.sources.sql.postgres.types import Oid

_PATIENCE_S = 15.0
"""Time limit of a statement in seconds. A view may read everything before its first row."""
_ELSE = "text keeps every digit; or float, or decimal(38,S) with the scale S that you have"
_KINDS: Mapping[int, Kind] = {
    **dict.fromkeys((Oid.INT2, Oid.INT4, Oid.INT8), Kind.INTEGER),
    **dict.fromkeys((Oid.FLOAT4, Oid.FLOAT8), Kind.FLOAT),
    **dict.fromkeys((Oid.TIMESTAMP, Oid.TIMESTAMPTZ), Kind.TIMESTAMP),
    **dict.fromkeys((Oid.JSON, Oid.JSONB), Kind.JSON),
    Oid.BOOL: Kind.BOOLEAN,
    Oid.BYTEA: Kind.BINARY,
    Oid.DATE: Kind.DATE,
    Oid.TIME: Kind.TIME,
    Oid.INTERVAL: Kind.DURATION,
}
# The query returns text and JSON only, which need no conversion.
_LISTED = """
select n.nspname::text, c.relname::text, coalesce(obj_description(c.oid, 'pg_class'), ''),
  (select json_agg(json_build_object('name', a.attname, 'base', coalesce(nullif(t.typbasetype, 0), t.oid)::int8,
    'digits', case when t.typbasetype <> 0 then t.typtypmod else a.atttypmod end, 'array', t.typcategory = 'A',
    'readable', has_schema_privilege(n.oid, 'usage') and has_column_privilege(c.oid, a.attnum, 'select'),
    'comment', coalesce(col_description(c.oid, a.attnum), '')) order by a.attnum)
   from pg_attribute a join pg_type t on t.oid = a.atttypid
   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)::text,
  (select json_agg(a.attname order by k.place) filter (where a.attnotnull) from pg_index i,
   unnest(i.indkey::int2[]) with ordinality as k(num, place) join pg_attribute a on a.attnum = k.num
   where i.indrelid = c.oid and a.attrelid = c.oid and i.indisunique and i.indpred is null and i.indexprs is null
   group by i.indexrelid, i.indisprimary having bool_and(a.attnotnull) order by i.indisprimary desc limit 1)::text,
  (select json_agg(json_build_object('column', a.attname, 'table', f.relname) order by a.attnum)
   from pg_constraint o join pg_class f on f.oid = o.confrelid
   join pg_attribute a on a.attrelid = o.conrelid and a.attnum = o.conkey[1]
   where o.conrelid = c.oid and o.contype = 'f' and cardinality(o.conkey) = 1)::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'v', 'm', 'p', 'f') and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'
order by n.nspname = 'public' desc, n.nspname, c.relname
"""
_GIVEN = ("schema", "name", "comment", "columns", "key", "links")
_TABLES = (
    f"select {', '.join(f'convert_to(t.{quoted(each)}, {NATIVE})' for each in _GIVEN)}"  # noqa: S608 - constants
    f" from ({_LISTED}) as t({', '.join(map(quoted, _GIVEN))})"
)
"""The same as bytes, because a database without an encoding may have names and comments that are not UTF-8."""


def tables(settings: PostgresSettings, names: TableNames) -> list[LiveTable]:
    """See kind.Introspect."""
    with connected(settings) as session:
        database = _Database(session, settings)
        try:
            return with_keys(database.tables(names), database.look)
        except ValueError as error:
            raise errors.unavailable(settings.id) from error


class _Database:
    """A connection whose statements have a time limit. A failed statement does not affect the next one."""

    def __init__(self, session: Session, settings: PostgresSettings) -> None:
        self._session = session
        self._patience_s = min(_PATIENCE_S, settings.statement_timeout_s or _PATIENCE_S)

    def tables(self, names: TableNames) -> list[LiveTable]:
        """Return the selected tables."""
        listed = [[_text(each) for each in row] for row in self._rows(_TABLES)]
        return [self._table(row) for row in listed if names.mean(row[1], row[0])]

    def look(self, relation: str, columns: Sequence[str]) -> list[Row]:
        """See keys.Look."""
        selected = ", ".join(f"r.{quoted(column)}::text" for column in columns)
        table = dialect.table_name(relation)
        return [*self._rows(f"select {selected} from {table} as r limit {MAX_ROWS}")]  # noqa: S608 - quoted

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement in a transaction of its own."""
        options = {
            "DateStyle": "ISO, YMD",
            "IntervalStyle": "postgres",
            "statement_timeout": str(int(self._patience_s * 1000)),
        }
        calls = ", ".join(f"set_config({literal(name)}, {literal(value)}, true)" for name, value in options.items())
        try:
            self._session.rows(f"select {calls}")
            return self._session.rows(sql)
        finally:
            self._session.undo()

    def _table(self, row: list[str]) -> LiveTable:
        schema, name, comment, listed, key, links = row
        if not is_unicode(schema + name):
            return LiveTable(f"{schema}.{name}", name, (), (), note=NAME_NOT_UNICODE)
        linked = tuple(Link(link["column"], link["table"]) for link in json.loads(links or "[]"))
        relation = _part(name) if schema == "public" else f"{_part(schema)}.{_part(name)}"
        columns = json.loads(listed or "[]")
        doubtful = [c["name"] for c in columns if c["readable"] and is_unicode(c["name"]) and _is_doubtful(c)]
        values, note = self._values(relation, doubtful)
        live_columns = tuple(_column(c, values.get(c["name"], [])) for c in columns)
        key_ = tuple(json.loads(key or "[]"))
        return LiveTable(relation, name, key_, live_columns, linked, _unicode(comment), note)

    def _values(self, relation: str, names: list[str]) -> tuple[dict[str, list[str]], str]:
        """Return the first values of the columns as text, and a note when they cannot be read."""
        selected = ", ".join(f"r.{quoted(name)}::text" for name in names)
        table = dialect.table_name(relation)
        try:
            rows = self._rows(f"select {selected} from {table} as r limit {SAMPLE}") if names else []  # noqa: S608
        except errors.SourceFailed as failed:
            return {}, f"its values could not be looked at: {all_said(failed)}"
        columns = zip(names, zip(*rows, strict=True), strict=True) if rows else ()
        return {name: [value for value in values if value is not None] for name, values in columns}, ""


def _text(raw: bytes | None) -> str:
    """Decode a text. Bytes that are not UTF-8 become surrogates."""
    return bytes(raw or b"").decode("utf-8", "surrogateescape")


def _unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _part(name: str) -> str:
    """Quote a part of a name if dialect.table_name needs it."""
    return '"' + name.replace('"', '""') + '"' if '"' in name or "." in name else name


def _is_doubtful(column: dict[str, Any]) -> bool:
    """Whether some possible values of the column do not fit its type of the catalog."""
    type_ = _type(column)
    return type_ is None or type_.kind in _ODD


def _column(column: dict[str, Any], values: list[str]) -> LiveColumn:
    name, comment = column["name"], _unicode(column["comment"])
    declared = _type(column)
    if declared:
        odd, what = _ODD.get(declared.kind, (None, ""))
        if odd and any(map(odd, values)):
            return LiveColumn(name, ColumnType(Kind.TEXT), comment, f"holds {what}, which no {declared.kind.value} has")
        return LiveColumn(name, declared, comment, _MONTHS if declared.kind is Kind.DURATION else "")
    decimal = decimal_of(values)
    why = "no scale up to 10 fits all values" if values else "no values to guess from"
    return LiveColumn(name, decimal or ColumnType(Kind.TEXT), comment, GUESSED if decimal else f"{why}: {_ELSE}")


def _is_beyond_dates(text: str) -> bool:
    return "infinity" in text or text.endswith("BC") or text[4:5] != "-"


_MONTHS = "a value of months or years would end an export; text takes it"
_ODD: dict[Kind, tuple[Callable[[str], bool], str]] = {
    Kind.DURATION: (lambda text: "mon" in text or "year" in text, "months or years"),
    Kind.TIME: (lambda text: text == "24:00:00", "24:00"),
    Kind.DATE: (_is_beyond_dates, "infinity or a year beyond 9999"),
    Kind.TIMESTAMP: (_is_beyond_dates, "infinity or a year beyond 9999"),
    Kind.DECIMAL: (lambda text: text in ("NaN", "Infinity", "-Infinity"), "NaN or infinity"),
}
"""Types for which PostgreSQL has additional values: how to recognise such a value by its text, and a name for it."""


def _type(column: dict[str, Any]) -> ColumnType | None:
    """Return the type of a column; None for a number of any digits."""
    if column["base"] == Oid.NUMERIC:
        return _decimal(column["digits"])
    return type_of(column["base"], is_array=column["array"])


def type_of(oid: int, *, is_array: bool) -> ColumnType | None:
    """Return the catalog's type for a type of PostgreSQL; None for numeric, whose digits must be known."""
    if oid == Oid.NUMERIC:
        return None
    if oid == Oid.MONEY:
        return ColumnType(Kind.DECIMAL, 19, 2)
    return ColumnType(Kind.JSON if is_array else _KINDS.get(oid, Kind.TEXT))


def _decimal(modifier: int) -> ColumnType | None:
    """Return the decimal of a type modifier: precision in the high 16 bits and scale in the low 11 bits, plus 4.

    None without digits, or for more than 38.
    """
    if modifier < 0:
        return None
    precision, scale = (modifier - 4) >> 16, ((modifier - 4) & 0x7FF ^ 0x400) - 0x400
    if scale < 0:
        precision, scale = precision - scale, 0
    return ColumnType(Kind.DECIMAL, max(precision, scale), scale) if precision <= MAX_DIGITS else None
