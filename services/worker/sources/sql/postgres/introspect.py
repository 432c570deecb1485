"""The tables of a PostgreSQL database."""

import json
from typing import Any

from services.contract.spec import ColumnType, Kind
from services.worker.sources import errors
from services.worker.sources.introspect.tables import (
    GUESSED,
    SAMPLE,
    Link,
    LiveColumn,
    LiveTable,
    TableNames,
    decimal_of,
)
from services.worker.sources.rows.conditions import quoted
from services.worker.sources.sql.adbc import Session
from services.worker.sources.sql.postgres import dialect
from services.worker.sources.sql.postgres.reading import connected
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.types import Oid

_MAX_DIGITS = 38
_ELSE = "text keeps every digit; or float, or decimal(38,S) with the scale S that you have"
_KINDS = {
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
# Text and JSON only: they come as they are, whatever the types below.
_TABLES = """
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
  and ($1::text in ('', n.nspname)) and ($2::text in ('', c.relname))
order by n.nspname = 'public' desc, n.nspname, c.relname
"""


def tables(settings: PostgresSettings, names: TableNames) -> list[LiveTable]:
    """See SourceKind.introspect."""
    with connected(settings) as session:
        try:
            return [_table(session, row) for row in session.rows(_TABLES, (names.schema, names.table))]
        except ValueError as error:
            raise errors.unavailable(settings.id) from error


def _table(session: Session, row: tuple[Any, ...]) -> LiveTable:
    schema, name, comment, columns, key, links = row
    linked = tuple(Link(link["column"], link["table"]) for link in json.loads(links or "[]"))
    relation = _part(name) if schema == "public" else f"{_part(schema)}.{_part(name)}"
    keys = tuple(json.loads(key or "[]"))
    sampled = relation if keys else ""  # without a key it is but named, and a view may take long
    live_columns = tuple(_column(session, sampled, c) for c in json.loads(columns or "[]"))
    return LiveTable(relation, name, keys, live_columns, linked, comment)


def _part(name: str) -> str:
    """As dialect.table_name reads it."""
    return '"' + name.replace('"', '""') + '"' if '"' in name or "." in name else name


def _column(session: Session, relation: str, column: dict[str, Any]) -> LiveColumn:
    name, comment = column["name"], column["comment"]
    declared = _type(column)
    if declared:
        return LiveColumn(name, declared, comment)
    values = _values(session, relation, name) if relation and column["readable"] else []
    decimal = decimal_of(values)
    why = "no scale up to 10 fits all values" if values else "no values to go by"
    return LiveColumn(name, decimal or ColumnType(Kind.TEXT), comment, GUESSED if decimal else f"{why}: {_ELSE}")


def _values(session: Session, relation: str, name: str) -> list[str]:
    column, table = quoted(name), dialect.table_name(relation)
    rows = session.rows(
        f"select r.{column}::text from {table} as r where r.{column} is not null limit {SAMPLE}"  # noqa: S608 - quoted
    )
    return [text for (text,) in rows]


def _type(column: dict[str, Any]) -> ColumnType | None:
    """None for a number of any digits."""
    oid = column["base"]
    if oid == Oid.NUMERIC:
        return _decimal(column["digits"])
    if oid == Oid.MONEY:
        return ColumnType(Kind.DECIMAL, 18, 2)
    return ColumnType(Kind.JSON if column["array"] else _KINDS.get(oid, Kind.TEXT))


def _decimal(modifier: int) -> ColumnType | None:
    """Digits as PostgreSQL packs them: 16 bits of precision, 11 of scale, 4 more than the number."""
    if modifier < 0:
        return None
    precision, scale = (modifier - 4) >> 16, ((modifier - 4) & 0x7FF ^ 0x400) - 0x400
    if scale < 0:
        precision, scale = precision - scale, 0
    return ColumnType(Kind.DECIMAL, max(precision, scale), scale) if precision <= _MAX_DIGITS else None
