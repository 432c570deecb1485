"""Decides which exports PostgreSQL can encode as CSV, and how each column must be selected for exactly the same bytes.

A value that the server would write differently from the worker (NaN, infinity, a year before 1 or after 9999) becomes
an error of the server: see `ports.LinesUnfit`.
"""

from services.contract.formats import Format
from services.contract.spec import ColumnType, JobSpec, Kind, ReadingMode
from services.worker.sources.sql.postgres.types import WHOLE, Columns, Oid

_KINDS = frozenset({Kind.TEXT, Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP})
_FEWEST_COLUMNS = 2
"""With one column, a null would be an empty line, and the rules for quotes are different."""
_NO_ZONE = "UTC"
_HEADER = 4
"""The constant that PostgreSQL adds to a type modifier."""


def may_be_lines(spec: JobSpec) -> bool:
    """Whether COPY can write the file, as far as the spec tells."""
    table, dialect, columns = spec.table, spec.table.csv, spec.columns
    return (
        table.format is Format.CSV
        and not (dialect.null_text or dialect.escape_formulas or dialect.decimal_comma or dialect.local_times)
        and dialect.delimiter.isascii()
        and table.time_zone == _NO_ZONE
        and spec.reading is ReadingMode.SNAPSHOT
        and not spec.attachments
        and len(columns) >= _FEWEST_COLUMNS
        and all(c.type.kind in _KINDS and c.mask is None and not c.becomes_text for c in columns)
    )


def line_value(name: str, type_: ColumnType, columns: Columns, modifier: int) -> str | None:
    """Return the expression of a column for COPY; None when it cannot be written.

    `modifier` is that of its declared type.
    """
    raw, oid = columns.raw(name), columns.oid(name)
    match type_.kind:
        case Kind.TEXT:
            return columns.value(name, type_)
        case Kind.INTEGER if oid in WHOLE:
            return raw
        case Kind.BOOLEAN if oid == Oid.BOOL:
            return f"{raw}::text"
        case Kind.DATE if oid == Oid.DATE:
            far = f"{raw} < date '0001-01-01' or {raw} > date '9999-12-31'"
            return f"case when {far} then {_error(raw)}::date else {raw} end"
        case Kind.DECIMAL if oid == Oid.NUMERIC and _holds(type_, modifier):
            digits = f"{raw}::numeric({type_.precision},{type_.scale})"
            return f"case when {raw} = 'NaN' then {_error(raw)}::numeric else {digits} end"
        case Kind.TIMESTAMP if oid in (Oid.TIMESTAMP, Oid.TIMESTAMPTZ):
            return _instant(name, columns)
    return None


def _error(raw: str) -> str:
    """Return a text that fits no type but text. It depends on the column, as a constant would fail at once."""
    return f"('unfit ' || {raw})"


def _holds(type_: ColumnType, modifier: int) -> bool:
    """Whether every value of a declared numeric fits the decimal. Without declared digits this is not known."""
    if modifier < _HEADER:
        return False
    precision, scale = (modifier - _HEADER) >> 16 & 0xFFFF, ((modifier - _HEADER) & 0x7FF ^ 1024) - 1024
    return 0 <= scale <= type_.scale and precision - scale <= type_.precision - type_.scale


def _instant(name: str, columns: Columns) -> str:
    """Return a timestamp in ISO 8601 in UTC with zero, three or six decimals of the second."""
    bare = columns.oid(name) == Oid.TIMESTAMP and columns.time_zone == _NO_ZONE
    moment, type_ = (columns.raw(name), "timestamp") if bare else (columns.moment(name), "timestamptz")
    in_utc = moment if bare else f"({moment})::timestamp"  # the session is in UTC, so no zone is looked up
    text = f"replace({in_utc}::text, ' ', 'T')"
    near = f"{moment} >= {type_} '0001-01-01 00:00:00Z' and {moment} < {type_} '10000-01-01 00:00:00Z'"
    return (
        f"case when {near} and {moment} = {moment}::{type_}(0) then {text} || 'Z'"
        f" when not ({near}) then {_error(moment)}::timestamp::text"
        f" when {moment} = {moment}::{type_}(3) then rpad({text}, 23, '0') || 'Z'"
        f" else rpad({text}, 26, '0') || 'Z' end"
    )
