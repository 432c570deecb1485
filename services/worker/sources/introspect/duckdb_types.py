"""Types of DuckDB as types of the catalog, for its own files and for files that it reads."""

import re
from collections.abc import Collection

from services.contract.spec import ColumnType, Kind
from services.worker.sources.introspect.tables import LiveColumn
from services.worker.sources.introspect.types import INT64, MAX_DIGITS

_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_NESTED = ("STRUCT(", "TUPLE(", "MAP(", "UNION(", "VARIANT")
_KINDS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), Kind.INTEGER),
    **dict.fromkeys(("FLOAT", "DOUBLE"), Kind.FLOAT),
    **dict.fromkeys(("TIME", "TIME_NS"), Kind.TIME),
    "BOOLEAN": Kind.BOOLEAN,
    "DATE": Kind.DATE,
    "INTERVAL": Kind.DURATION,
    "BLOB": Kind.BINARY,
    "JSON": Kind.JSON,
}
_BIG = "UBIGINT"
_MONTHS = "holds months or years, which no duration has"
_NO_DATE = "holds infinity or a year beyond 9999, which no {} has"


def is_doubtful(stored: str) -> bool:
    """Whether the column's values must be examined, because some may fit no type of the catalog except text."""
    return stored in (_BIG, "INTERVAL", "DATE") or stored.startswith("TIMESTAMP")


def live_column(name: str, stored: str, values: Collection[str], comment: str = "") -> LiveColumn:
    """Return the column for the DuckDB type `stored`. `values` are texts, given if the type is doubtful."""
    type_ = _type(stored)
    why = _unfit(type_.kind, stored, values)
    if why:
        return LiveColumn(name, ColumnType(Kind.TEXT), comment, why)
    if stored == _BIG:
        return _big(name, values, comment)
    return LiveColumn(name, type_, comment)


def _type(stored: str) -> ColumnType:
    decimal = _DECIMAL.fullmatch(stored)
    if decimal:
        return ColumnType(Kind.DECIMAL, int(decimal[1]), int(decimal[2]))
    if stored in ("HUGEINT", "UHUGEINT", _BIG):
        return ColumnType(Kind.DECIMAL, MAX_DIGITS, 0)
    if stored.startswith("TIMESTAMP"):
        return ColumnType(Kind.TIMESTAMP)
    nested = stored.endswith("]") or stored.startswith(_NESTED)
    return ColumnType(Kind.JSON if nested else _KINDS.get(stored, Kind.TEXT))


def _unfit(kind: Kind, stored: str, values: Collection[str]) -> str:
    """Return why a value fits no type but text; empty when all values fit."""
    if stored == "INTERVAL" and any("mon" in value or "year" in value for value in values):
        return _MONTHS
    dated = kind in (Kind.DATE, Kind.TIMESTAMP)
    return _NO_DATE.format(kind.value) if dated and any(value[4:5] != "-" for value in values) else ""


def _big(name: str, values: Collection[str], comment: str) -> LiveColumn:
    if all(int(value) in INT64 for value in values):
        note = "a value beyond 64 bits would end an export; decimal(20,0) takes it"
        return LiveColumn(name, ColumnType(Kind.INTEGER), comment, note)
    return LiveColumn(name, ColumnType(Kind.DECIMAL, 20, 0), comment, "whole numbers beyond 64 bits")
