"""A spec in DuckDB's SQL, compared by DuckDB, exactly: a value that is not of its column's type is an error there.

A column that a file holds as text is typed for comparing only; its values leave as text and parse.py types them, as
for every source. A column of another type is cast to the catalog's type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from services.contract.spec import ColumnType, Filter, JobSpec, Kind, Operator, Term, Value
from services.worker.sources.rows.columns import order_types
from services.worker.sources.rows.conditions import (
    NULLS,
    Parameter,
    Sql,
    any_of,
    combined,
    comparand,
    literal,
    quoted,
    with_null,
)
from services.worker.sources.rows.step import decimal_floor, on_step, utc

INVALID = "exportd:value-invalid:"
"""What DuckDB's error begins with when a value is not of its column's type; the column's name follows."""

_TYPES = {
    Kind.TEXT: "varchar",
    Kind.INTEGER: "bigint",
    Kind.FLOAT: "double",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamptz",
    Kind.BINARY: "blob",
}
FOLDED = "exportd_folded"
"""The function of SQL that folds the case of a text: whoever connects registers filtering.folded by this name."""

_OF_TEXT = {
    Operator.CONTAINS: "contains({}, ?)",
    Operator.STARTS_WITH: "starts_with({}, ?)",
    Operator.ENDS_WITH: "suffix({}, ?)",
    Operator.WORD_STARTS_WITH: "contains(' ' || {}, ' ' || ?)",
}
_TIME = r"\d\d:\d\d(:\d\d(\.\d+)?)?"
# DuckDB's own casts round, trim and guess.
_TEXTS = {
    Kind.INTEGER: r"-?\d+",
    Kind.FLOAT: r"(?i)[+-]?([0-9.]+(e[+-]?\d+)?|inf|nan)",
    Kind.DATE: r"\d{4}-\d\d-\d\d",
    Kind.TIME: _TIME,
    Kind.TIMESTAMP: rf"\d{{4}}-\d\d-\d\d([T ]{_TIME}(Z|[+-]\d\d(:?\d\d)?)?)?",
}
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_BIG = ("UBIGINT", "HUGEINT", "UHUGEINT")
_REAL = {"FLOAT": 1e-6, "DOUBLE": 1e-14}
"""Share of a real within which it stands for a decimal."""
_NANOSECONDS = ("TIMESTAMP_NS", "TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE")


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the relation `r` with DuckDB's types; `blank_is_null` where an empty text stands for no value."""

    stored: Mapping[str, str]
    blank_is_null: bool = False

    def raw(self, name: str, type_: ColumnType) -> str:
        """The column as it is stored."""
        col = f"r.{quoted(name)}"
        return f"nullif({col}, '')" if self.blank_is_null and type_.kind is not Kind.TEXT else col

    def stored_as(self, name: str) -> str:
        """DuckDB's type of it."""
        return self.stored[name.casefold()]

    def value(self, name: str, type_: ColumnType) -> str:
        """The column as it leaves: text and bytes as they are, anything else typed."""
        raw, stored = self.raw(name, type_), self.stored_as(name)
        if stored == "VARCHAR" or (stored == "BLOB" and type_.kind in (Kind.TEXT, Kind.BINARY)):
            return raw
        return _or_error(name, raw, _typed(raw, stored, type_))

    def comparable(self, name: str, type_: ColumnType) -> str:
        """The column typed; null where it can't be."""
        raw, stored = self.raw(name, type_), self.stored_as(name)
        return _parsed(raw, type_) if stored == "VARCHAR" else _typed(raw, stored, type_)

    def checked(self, name: str, type_: ColumnType) -> str:
        """The column typed; an error where it can't be."""
        return _or_error(name, self.raw(name, type_), self.comparable(name, type_))

    def rounded(self, name: str, type_: ColumnType) -> str | None:
        """A condition: the value is finer than a microsecond; None when none is."""
        fine = type_.kind is Kind.TIMESTAMP and self.stored_as(name) in _NANOSECONDS
        return f"epoch_ns({self.raw(name, type_)}) % 1000 <> 0" if fine else None


def where(filter_: Filter, columns: Columns) -> Sql:
    """The rows that match, exactly."""
    return combined(filter_, lambda term: _term(term, columns))


def order(spec: JobSpec, columns: Columns) -> str:
    """The order by typed value; a key of no known type as it is stored; without a key ties go by place.

    Without an order rows stay as they lie in the files.
    """
    types = order_types(spec)
    parts = []
    for term in spec.order:
        type_ = types.get(term.column)
        by = columns.comparable(term.column, type_) if type_ else f"r.{quoted(term.column)}"
        nulls = "first" if term.nulls_first else "last"
        parts.append(f"{by} {'desc' if term.descending else 'asc'} nulls {nulls}")
    if parts and not spec.key:
        parts.append("row_number() over ()")
    return f" order by {', '.join(parts)}" if parts else ""


def _or_error(name: str, raw: str, typed: str) -> str:
    if typed == raw:
        return raw
    return f"case when {raw} is null or {typed} is not null then {typed} else error({literal(INVALID + name)}) end"


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
    cut = rf"regexp_replace({raw}, '(\.\d{{6}})\d+', '\1')" if kind is Kind.TIMESTAMP else raw
    return f"case when regexp_full_match({raw}, '{_TEXTS[kind]}') then try_cast({cut} as {_TYPES[kind]}) end"


def _typed(raw: str, stored: str, type_: ColumnType) -> str:
    match type_.kind:
        case Kind.TEXT:
            return f"try(decode({raw}))" if stored == "BLOB" else f"cast({raw} as varchar)"
        case Kind.INTEGER | Kind.DECIMAL:
            return _exact_number(raw, stored, str(type_) if type_.kind is Kind.DECIMAL else "bigint")
        case Kind.FLOAT if _is_number(stored):
            return raw if stored == "DOUBLE" else f"cast({raw} as double)"
        case Kind.BOOLEAN if stored == "BOOLEAN" or stored in _WHOLE:
            return raw if stored == "BOOLEAN" else f"case {raw} when 1 then true when 0 then false end"
        case Kind.JSON if stored != "BLOB":
            return f"cast(to_json({raw}) as varchar)"
    return _typed_time(raw, stored, type_.kind)


def _typed_time(raw: str, stored: str, kind: Kind) -> str:
    """Infinity is no moment: as Arrow it would be a wrong number."""
    moment = stored.startswith("TIMESTAMP")
    if kind is Kind.DATE and moment:
        return f"case when try_cast({raw} as date) = {raw} then try_cast({raw} as date) end"
    if kind is Kind.DATE and stored == "DATE":
        return f"case when isfinite({raw}) then {raw} end"
    if kind is Kind.TIMESTAMP and (moment or stored == "DATE"):
        return f"case when isfinite({raw}) then cast({raw} as timestamptz) end"
    if kind is Kind.TIME and stored in ("TIME", "TIME_NS"):
        return f"cast({raw} as time)"
    if kind is Kind.DURATION and stored == "INTERVAL":
        no_months = f"datepart('year', {raw}) = 0 and datepart('month', {raw}) = 0"
        return f"case when {no_months} then epoch_us({raw}) end"
    return "null"  # of another nature: every value is an error


def _exact_number(raw: str, stored: str, target: str) -> str:
    if stored == target.upper():
        return raw
    typed = f"try_cast({raw} as {target})"
    if stored in _WHOLE or stored in _BIG:
        return typed
    if target != "bigint" and stored in _REAL:
        near = f"abs(cast({typed} as double) - {raw}) <= abs({raw}) * {_REAL[stored]}"
        return f"case when {near} then {typed} end"
    return f"case when {typed} = {raw} then {typed} end" if _is_number(stored) else "null"


def _is_number(stored: str) -> bool:
    return stored in _WHOLE or stored in _BIG or stored in _REAL or stored.startswith("DECIMAL")


def _term(term: Term, columns: Columns) -> Sql:
    raw = columns.raw(term.column, term.type)
    if term.operator in NULLS:
        return Sql(f"{raw} {term.operator.value}")
    compared = columns.checked(term.column, term.type)
    condition = _text(compared, term) if term.type.kind is Kind.TEXT else _typed_term(compared, term)
    return with_null(condition, raw, term)


def _text(compared: str, term: Term) -> Sql:
    text = f"{FOLDED}({compared})" if term.ignore_case else compared
    form = _OF_TEXT.get(term.operator, f"{{}} {term.operator.value} ?")
    return any_of(Sql(form.format(text), (comparand(term, v),)) for v in term.values)


def _typed_term(compared: str, term: Term) -> Sql:
    if term.type.kind is Kind.FLOAT:
        compared = f"nullif({compared}, 'nan'::double)"  # DuckDB takes it for the greatest number
    return any_of(c for c in (_compare(compared, term, v) for v in term.values) if c is not None)


def _compare(compared: str, term: Term, value: Value) -> Sql | None:
    operator: Operator = term.operator
    if isinstance(value, Decimal):
        stepped = on_step(operator, value, decimal_floor(value, term.type.scale))
        if stepped is None:
            return None
        operator, value = stepped
    mark = f"cast(? as {_parameter_type(term.type)})"
    return Sql(f"{compared} {operator.value} {mark}", (_parameter(value),))


def _parameter_type(type_: ColumnType) -> str:
    if type_.kind is Kind.INTEGER:
        return "hugeint"
    return f"decimal(38, {type_.scale})" if type_.kind is Kind.DECIMAL else _TYPES[type_.kind]


def _parameter(value: Value) -> Parameter:
    if isinstance(value, datetime):
        return utc(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
