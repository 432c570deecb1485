"""The tables of a MySQL or MariaDB database."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from services.contract.spec import ColumnType, Kind
from services.worker.sources.errors import SourceFailed
from services.worker.sources.introspect import types
from services.worker.sources.introspect.keys import MAX_ROWS, Row, with_keys
from services.worker.sources.introspect.tables import GUESSED, SAMPLE, Link, LiveColumn, LiveTable, TableNames
from services.worker.sources.said import all_said
from services.worker.sources.sql.mysql import dialect
from services.worker.sources.sql.mysql.session import Session, connected
from services.worker.sources.sql.mysql.settings import MysqlSettings

_PATIENCE_S = 15.0
"""Time limit of a statement in seconds. A view may read everything before its first row."""
_SYSTEM = "('information_schema', 'mysql', 'performance_schema', 'sys')"
_TABLES = f"""
select table_schema, table_name, table_type = 'VIEW', case when table_type = 'VIEW' then '' else table_comment end
from information_schema.tables where table_type <> 'SEQUENCE' and table_schema not in {_SYSTEM}
order by table_schema, table_name"""  # noqa: S608 - a constant
_COLUMNS = f"""
select table_schema, table_name, column_name, data_type, column_type, column_comment from information_schema.columns
where table_schema not in {_SYSTEM} order by ordinal_position"""  # noqa: S608 - a constant
_KEYS = f"""
select table_schema, table_name, index_name, column_name, nullable from information_schema.statistics
where non_unique = 0 and table_schema not in {_SYSTEM}
order by index_name <> 'PRIMARY', index_name, seq_in_index"""  # noqa: S608 - a constant
_LINKS = f"""
select table_schema, table_name, constraint_name, column_name, referenced_table_name
from information_schema.key_column_usage
where referenced_table_name is not null and table_schema not in {_SYSTEM}
order by ordinal_position"""  # noqa: S608 - a constant
_JSON_CHECKS = """
select constraint_schema, table_name, check_clause from information_schema.check_constraints
where check_clause like 'json_valid(%%'"""
_CHECKED = re.compile(r"json_valid\(`([^`]+)`\)")
_DIGITS = re.compile(r"\((\d+)(?:,(\d+))?\)")
Name = tuple[str, str]
"""The names of a schema and a table."""


@dataclass(slots=True)
class _Listed:
    """What the database says about a table."""

    columns: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Name, type, type with digits, and comment of each column."""
    indexes: dict[str, list[tuple[str, bool]]] = field(default_factory=lambda: defaultdict(list))
    """Columns of unique indexes, and whether each may be null."""
    links: dict[str, list[Link]] = field(default_factory=lambda: defaultdict(list))
    json: set[str] = field(default_factory=set)


def tables(settings: MysqlSettings, names: TableNames) -> list[LiveTable]:
    """See kind.Introspect. Tables outside of the address's database are returned only if they are named."""
    patience_s = min(_PATIENCE_S, settings.statement_timeout_s or _PATIENCE_S)
    with connected(settings, patience_s) as session:
        database = _Database(session)
        return with_keys(database.tables(names), database.look)


class _Database:
    """A connection, and the database of its address; empty when the address has none."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._default: str = session.rows("select coalesce(database(), '')")[0][0]

    def tables(self, names: TableNames) -> list[LiveTable]:
        """Return the selected tables."""
        meant = [row for row in self._session.rows(_TABLES) if self._is_meant(names, row[0], row[1])]
        listed = self._listed()
        return [self._table((row[0], row[1]), row[3], listed[row[0], row[1]]) for row in meant]

    def look(self, relation: str, columns: Sequence[str]) -> list[Row]:
        """See keys.Look."""
        selected = ", ".join(f"r.{dialect.quoted(column)}" for column in columns)
        return list(self._session.rows(f"select {selected} from {_quoted(relation)} as r limit {MAX_ROWS}"))  # noqa: S608

    def _is_meant(self, names: TableNames, schema: str, name: str) -> bool:
        named = schema == names.schema or names.table.replace('"', "") == f"{schema}.{name}"
        return names.mean(name, schema) and (named or self._default in ("", schema))

    def _listed(self) -> dict[Name, _Listed]:
        listed: dict[Name, _Listed] = defaultdict(_Listed)
        for schema, table, *column in self._session.rows(_COLUMNS):
            listed[schema, table].columns.append((column[0], column[1].lower(), column[2].lower(), column[3] or ""))
        for schema, table, index, column, nullable in self._session.rows(_KEYS):
            listed[schema, table].indexes[index].append((column, nullable == "YES" or column is None))
        for schema, table, constraint, column, referenced in self._session.rows(_LINKS):
            listed[schema, table].links[constraint].append(Link(column, referenced))
        for schema, table, clause in self._json_checks():
            listed[schema, table].json.update(_CHECKED.findall(clause))
        return listed

    def _json_checks(self) -> list[Row]:
        """Return the checks of JSON columns. MariaDB has such checks instead of a JSON type; MySQL has the type."""
        try:
            return list(self._session.rows(_JSON_CHECKS))
        except SourceFailed:
            return []

    def _table(self, name: Name, comment: str, listed: _Listed) -> LiveTable:
        schema, table = name
        relation = table if schema == self._default else f"{schema}.{table}"
        if "." in table:
            why = "its name has a dot: read it with a query"
            return LiveTable(relation, table, (), (), note=why)
        doubtful = [column[0] for column in listed.columns if _is_doubtful(column[1], column[2])]
        values, note = self._values(relation, doubtful)
        columns = tuple(
            _column(column, values.get(column[0], []), column[0] in listed.json) for column in listed.columns
        )
        keys = (index for index in listed.indexes.values() if not any(nullable for _, nullable in index))
        key = tuple(column for column, _ in next(keys, []))
        links = tuple(link[0] for link in listed.links.values() if len(link) == 1)
        return LiveTable(relation, table, key, columns, links, comment or "", note)

    def _values(self, relation: str, names: list[str]) -> tuple[dict[str, list[str]], str]:
        """Return the first values of the columns as text, and a note when they cannot be read."""
        selected = ", ".join(f"cast(r.{dialect.quoted(name)} as char)" for name in names)
        try:
            statement = f"select {selected} from {_quoted(relation)} as r limit {SAMPLE}"  # noqa: S608 - quoted
            rows = self._session.rows(statement) if names else []
        except SourceFailed as failed:
            return {}, f"its values could not be looked at: {all_said(failed)}"
        columns = zip(names, zip(*rows, strict=True), strict=True) if rows else ()
        return {name: [value for value in values if value is not None] for name, values in columns}, ""


def _quoted(relation: str) -> str:
    schema, dot, table = relation.rpartition(".")
    return f"{dialect.quoted(schema) + dot if dot else ''}{dialect.quoted(table)}"


def _is_doubtful(type_: str, digits: str) -> bool:
    unsigned = type_ == "bigint" and "unsigned" in digits
    return type_ in _LOOKED_AT or digits.startswith("tinyint(1)") or unsigned or _decimal(digits) is None


def _column(column: tuple[str, str, str, str], values: Sequence[str], is_json: bool) -> LiveColumn:
    name, type_, digits, comment = column
    found, note = (ColumnType(Kind.JSON), "") if is_json else _type(type_, digits, values)
    return LiveColumn(name, found, comment, note)


def _type(type_: str, digits: str, values: Sequence[str]) -> tuple[ColumnType, str]:
    if type_ in ("decimal", "numeric"):
        declared = _decimal(digits)
        return (declared, "") if declared else (types.decimal_of(values) or ColumnType(Kind.TEXT), GUESSED)
    if type_ == "bit":
        return _bits(digits), ""
    if type_ in _LOOKED_AT:
        return _LOOKED_AT[type_](values)
    if digits.startswith("tinyint(1)") and set(values) <= {"0", "1"}:
        return ColumnType(Kind.BOOLEAN), ""
    if type_ == "bigint" and "unsigned" in digits:
        return _unsigned(values)
    return ColumnType(_KINDS.get(type_, Kind.TEXT)), ""


def _decimal(digits: str) -> ColumnType | None:
    """Return a declared decimal; None when it has more digits than the catalog allows.

    Other types give some decimal.
    """
    found = _DIGITS.search(digits) if digits.startswith(("decimal", "numeric")) else None
    precision, scale = (int(found[1]), int(found[2] or 0)) if found else (10, 0)
    return ColumnType(Kind.DECIMAL, precision, scale) if precision <= types.MAX_DIGITS else None


def _unsigned(values: Iterable[str]) -> tuple[ColumnType, str]:
    if all(int(value) in types.INT64 for value in values):
        return ColumnType(Kind.INTEGER), "a value beyond 64 bits would end an export; decimal(20,0) takes it"
    return ColumnType(Kind.DECIMAL, 20, 0), "whole numbers beyond 64 bits"


def _dated(kind: Kind, fits: Callable[[str], bool]) -> Callable[[Sequence[str]], tuple[ColumnType, str]]:
    """Return a function that finds the type of a date or timestamp column.

    Values such as the date 0000-00-00 fit no such type.
    """

    def type_of(values: Sequence[str]) -> tuple[ColumnType, str]:
        odd = next((value for value in values if not fits(value)), None)
        return (ColumnType(Kind.TEXT), f"holds {odd}, which no {kind.value} is") if odd else (ColumnType(kind), "")

    return type_of


def _time(values: Sequence[str]) -> tuple[ColumnType, str]:
    """Return the type of a column of times. In MySQL, a time may be a duration of up to 838 hours."""
    if all(map(types.is_time, values)):
        return ColumnType(Kind.TIME), "a length of a day or more would end an export; duration takes it"
    return ColumnType(Kind.DURATION), "holds lengths that are no times of day"


def _bits(digits: str) -> ColumnType:
    if digits == "bit(1)":
        return ColumnType(Kind.BOOLEAN)
    return ColumnType(Kind.DECIMAL, 20, 0) if digits == "bit(64)" else ColumnType(Kind.INTEGER)


_LOOKED_AT: dict[str, Callable[[Sequence[str]], tuple[ColumnType, str]]] = {
    "date": _dated(Kind.DATE, types.is_date),
    "datetime": _dated(Kind.TIMESTAMP, types.is_timestamp),
    "timestamp": _dated(Kind.TIMESTAMP, types.is_timestamp),
    "time": _time,
}
"""Types whose values may not fit the type of the catalog."""
_KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), Kind.INTEGER),
    **dict.fromkeys(("float", "double"), Kind.FLOAT),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), Kind.BINARY),
    **dict.fromkeys(("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring"), Kind.BINARY),
    **dict.fromkeys(("multipolygon", "geometrycollection", "geomcollection"), Kind.BINARY),
    "json": Kind.JSON,
}
