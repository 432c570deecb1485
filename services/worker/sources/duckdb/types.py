"""How DuckDB stores a column, and its conversion to the catalog's type: exact, or an error.

DuckDB's own casts round, trim and guess. A column that is stored as text is typed for comparisons only; its values are
returned as text, and parse.py converts them as for every source. A column of another type is cast to the catalog's
type.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.contract.spec import ColumnType, Kind
from services.worker.sources.duckdb.intervals import iso, iso_of_microseconds
from services.worker.sources.duckdb.nested import is_nested, json_of, with_zero

Place = tuple[str, ColumnType]
"""A column by its name and the type that it is read as."""

LENGTH = "LENGTH"
"""Type of a column of durations that DuckDB has as 128-bit integers of microseconds."""

TYPES = {
    Kind.TEXT: "varchar",
    Kind.INTEGER: "bigint",
    Kind.FLOAT: "double",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamptz",
    Kind.BINARY: "blob",
}
WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
_ARE_DOUBLES = WHOLE - {"BIGINT", "UBIGINT"} | {"DOUBLE"}
_BIG = frozenset({"HUGEINT", "UHUGEINT"})
_NEAR = 1e-14
"""Relative error up to which a real stands for a decimal."""
_NANOSECONDS = ("TIMESTAMP_NS", "TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE")

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")

_TIME = r"\d\d:\d\d(:\d\d(\.\d+)?)?"
_TEXTS = {
    Kind.INTEGER: r"-?\d+",
    Kind.FLOAT: r"(?i)[+-]?([0-9.]+(e[+-]?\d+)?|inf|nan)",
    Kind.DATE: r"\d{4}-\d\d-\d\d",
    Kind.TIME: _TIME,
    Kind.TIMESTAMP: rf"\d{{4}}-\d\d-\d\d([T ]{_TIME}(Z|[+-]\d\d(:?\d\d)?)?)?",
}
_NOTHING = "cast(null as varchar)"
"""For a column of an incompatible type: no value can be converted. An untyped null could not be sorted by."""
_CUT = frozenset({Kind.TIME, Kind.TIMESTAMP})
_COMMAS = {
    Kind.DECIMAL: "translate({}, ',.', '.,')",  # 1.234 must not become a number
    Kind.FLOAT: "translate({}, ',.', '.,')",
    Kind.TIME: "replace({}, ',', '.')",
    Kind.TIMESTAMP: "replace({}, ',', '.')",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A column of the relation `r` as an SQL expression and its DuckDB type, which is never FLOAT.

    `finer` is a condition that is true for values with more digits than DuckDB reads; empty when DuckDB reads all
    digits.
    """

    sql: str
    type: str
    finer: str = ""


def widened(sql: str, type_: str) -> tuple[str, str]:
    """Return an expression and its type.

    A 4-byte real becomes the double of its shortest text: 11.4, not 11.399999618530273.
    """
    return (f"cast(cast({sql} as varchar) as double)", "DOUBLE") if type_ == "FLOAT" else (sql, type_)


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the relation by their names in the spec.

    `blank_is_null`: an empty text is null. `decimal_comma`: numbers in texts have a decimal comma. `decided_later`:
    conditions also match rows with invalid values, because a later step decides every row; otherwise such a value
    raises an error if the match depends on it.
    """

    stored: Mapping[str, Stored]
    blank_is_null: bool = False
    decimal_comma: bool = False
    decided_later: bool = False

    def raw(self, name: str, type_: ColumnType) -> str:
        """The column as it is stored."""
        column = self.stored[name].sql
        if self.decimal_comma:
            column = _COMMAS.get(type_.kind, "{}").format(column)
        return f"nullif({column}, '')" if self.blank_is_null and type_.kind is not Kind.TEXT else column

    def value(self, name: str, type_: ColumnType) -> str:
        """The column as it is returned: texts and bytes unchanged, other values typed.

        Typed values come with the texts of invalid ones (see rows/invalid.py).
        """
        raw, stored_as = self.raw(name, type_), self.stored[name].type
        if stored_as == "VARCHAR" or (stored_as == "BLOB" and type_.kind in (Kind.TEXT, Kind.BINARY)):
            return raw
        if type_.kind is Kind.FLOAT and _is_number(stored_as) and stored_as not in _ARE_DOUBLES:
            return f"cast({raw} as varchar)"  # the conversion counts numbers that are not exact doubles
        value = typed(raw, stored_as, type_)
        if value == raw:
            return raw
        invalid = f"case when {raw} is not null and {value} is null then {text(raw, stored_as)} end"
        return f"struct_pack(value := {value}, invalid := {invalid})"

    def text(self, name: str) -> str:
        """The column as text for messages."""
        column = self.stored[name]
        return text(column.sql, column.type)

    def comparable(self, name: str, type_: ColumnType) -> str:
        """The typed column; null where a value cannot be converted."""
        raw, stored_as = self.raw(name, type_), self.stored[name].type
        return _parsed(raw, type_) if stored_as == "VARCHAR" else typed(raw, stored_as, type_)

    def rounded(self, name: str, type_: ColumnType) -> str | None:
        """A condition that is true for values that lose digits beyond a microsecond. None when no value does."""
        column = self.stored[name]
        if type_.kind is Kind.TIMESTAMP and column.type in _NANOSECONDS:
            return f"epoch_ns({column.sql}) % 1000 <> 0"
        if type_.kind is Kind.TIME and column.type == "TIME_NS":
            return rf"regexp_matches(cast({column.sql} as varchar), '\.\d{{6}}\d*[1-9]')"
        return column.finer or None


def typed(raw: str, stored_as: str, type_: ColumnType) -> str:
    """Convert a value that is not stored as text to the catalog's type; null where that is not possible."""
    match type_.kind:
        case Kind.TEXT:
            return text(raw, stored_as)
        case Kind.INTEGER | Kind.DECIMAL:
            return _exact_number(raw, stored_as, str(type_) if type_.kind is Kind.DECIMAL else "bigint")
        case Kind.FLOAT if _is_number(stored_as):
            return raw if stored_as == "DOUBLE" else f"cast({raw} as double)"
        case Kind.BOOLEAN if stored_as == "BOOLEAN" or stored_as in WHOLE:
            return raw if stored_as == "BOOLEAN" else f"case {raw} when 1 then true when 0 then false end"
        case Kind.BINARY if stored_as == "BLOB":
            return raw
        case Kind.JSON if stored_as != "BLOB":
            return json_of(raw, stored_as)
    return _typed_time(raw, stored_as, type_.kind)


def text(raw: str, stored_as: str) -> str:
    """Convert any value to text: with all digits, ISO 8601 for durations, JSON for nested values."""
    if stored_as == "BLOB":
        return f"coalesce(try(decode({raw})), cast({raw} as varchar))"
    if stored_as == "INTERVAL":
        return iso(raw)
    if stored_as == LENGTH:
        return iso_of_microseconds(raw)
    decimal = _DECIMAL.fullmatch(stored_as)
    if decimal and decimal[1] == decimal[2]:
        return with_zero(raw)
    return json_of(raw, stored_as) if is_nested(stored_as) else f"cast({raw} as varchar)"


def _parsed(raw: str, type_: ColumnType) -> str:
    kind = type_.kind
    if kind is Kind.BOOLEAN:
        return f"case when lower({raw}) in ('1', 'true') then true when lower({raw}) in ('0', 'false') then false end"
    if kind is Kind.DECIMAL:
        finer = rf"\.\d{{{type_.scale}}}\d*[1-9]"
        whole = rf"regexp_full_match({raw}, '[+-]?\d*\.?\d*') and not regexp_matches({raw}, '{finer}')"
        return f"case when {whole} then try_cast({raw} as {type_}) end"
    if kind not in _TEXTS:
        return raw
    cut = rf"regexp_replace({raw}, '(\.\d{{6}})\d+', '\1')" if kind in _CUT else raw
    return f"case when regexp_full_match({raw}, '{_TEXTS[kind]}') then {_try_cast(cut, kind)} end"


def _try_cast(text_: str, kind: Kind) -> str:
    cast = f"try_cast({text_} as {TYPES[kind]})"
    return _within_a_day(cast) if kind is Kind.TIME else cast


def _typed_time(raw: str, stored_as: str, kind: Kind) -> str:
    """Convert a date or time.

    Infinity is not a moment and 24:00 is not a time of day: in Arrow they would become wrong values.
    """
    moment = stored_as.startswith("TIMESTAMP")
    if kind is Kind.DATE and moment:
        return _date_of_moment(raw, stored_as)
    if kind is Kind.DATE and stored_as == "DATE":
        return f"case when isfinite({raw}) then {raw} end"
    if kind is Kind.TIMESTAMP and (moment or stored_as == "DATE"):
        moment_ = _microseconds(raw, stored_as)
        return f"case when isfinite({moment_}) then cast({moment_} as timestamptz) end"
    if kind is Kind.TIME and stored_as == "TIME":
        return _within_a_day(raw)
    if kind is Kind.TIME and stored_as == "TIME_NS":  # a cast would round, even up to 24:00
        return _within_a_day(f"cast(left(cast({raw} as varchar), 15) as time)")
    if kind is Kind.DURATION and stored_as == "INTERVAL":
        no_months = f"datepart('year', {raw}) = 0 and datepart('month', {raw}) = 0"
        return f"case when {no_months} then try(epoch_us({raw})) end"
    if kind is Kind.DURATION and stored_as == LENGTH:
        return f"case when abs({raw}) <= {2**63 - 1} then cast({raw} as bigint) end"
    return _NOTHING


def _within_a_day(time: str) -> str:
    return f"case when {time} < time '24:00:00' then {time} end"


def _date_of_moment(raw: str, stored_as: str) -> str:
    moment = _microseconds(raw, stored_as)
    whole = f"epoch_ns({raw}) % 1000 = 0" if stored_as in _NANOSECONDS else f"isfinite({raw})"
    return f"case when {whole} and try_cast({moment} as date) = {moment} then try_cast({moment} as date) end"


def _microseconds(raw: str, stored_as: str) -> str:
    """Cut a moment to microseconds. A cast would round it, even across midnight or New Year."""
    if stored_as not in _NANOSECONDS:
        return raw
    cut = f"make_timestamp(epoch_ns({raw}) // 1000 - cast(epoch_ns({raw}) % 1000 < 0 as bigint))"
    return cut if stored_as == "TIMESTAMP_NS" else f"({cut} at time zone 'UTC')"


def _exact_number(raw: str, stored_as: str, target: str) -> str:
    if stored_as == target.upper():
        return raw
    number = f"try_cast({raw} as {target})"
    if stored_as in WHOLE or stored_as in _BIG:
        return number
    if target != "bigint" and stored_as == "DOUBLE":
        # the exact value of the double has digits that nobody wrote
        number = f"try_cast(cast({raw} as varchar) as {target})"
        near = f"abs(cast({number} as double) - {raw}) <= abs({raw}) * {_NEAR}"
        return f"case when {near} then {number} end"
    return f"case when {number} = {raw} then {number} end" if _is_number(stored_as) else _NOTHING


def _is_number(stored_as: str) -> bool:
    return stored_as in WHOLE or stored_as in _BIG or stored_as == "DOUBLE" or stored_as.startswith("DECIMAL")
