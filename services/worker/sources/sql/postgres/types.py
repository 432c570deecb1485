"""How PostgreSQL stores a column, and its conversion to the catalog's type.

Values that ADBC would return as raw bytes or inexactly are selected as text, which parse.py reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from services.contract.spec import ColumnType, Kind
from services.worker.sources.rows.conditions import literal, quoted


class Oid(IntEnum):
    """Built-in types of PostgreSQL. The numbers are fixed."""

    BOOL = 16
    BYTEA = 17
    NAME = 19
    INT8 = 20
    INT2 = 21
    INT4 = 23
    TEXT = 25
    JSON = 114
    XML = 142
    POINT = 600
    FLOAT4 = 700
    FLOAT8 = 701
    MONEY = 790
    BPCHAR = 1042
    VARCHAR = 1043
    DATE = 1082
    TIME = 1083
    TIMESTAMP = 1114
    TIMESTAMPTZ = 1184
    INTERVAL = 1186
    BIT = 1560
    VARBIT = 1562
    NUMERIC = 1700
    UUID = 2950
    JSONB = 3802


WHOLE = frozenset({Oid.INT2, Oid.INT4, Oid.INT8})
REAL = frozenset({Oid.FLOAT4, Oid.FLOAT8})
PLAIN_TEXT = frozenset({Oid.TEXT, Oid.VARCHAR})
MOMENTS = frozenset({Oid.TIMESTAMPTZ, Oid.TIMESTAMP, Oid.DATE})
_BITS = frozenset({Oid.BIT, Oid.VARBIT})
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
"""Kinds that bit strings do not convert to, even if their text looks like a number."""
_JSON = frozenset({Oid.JSON, Oid.JSONB})
_REAL_NOISE = 1e-14
"""Relative error up to which a real stands for a decimal."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A column of the relation by its name there.

    `oid` is its type, for a domain the underlying one; `type` is the name of its own type.
    """

    name: str
    oid: int
    type: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the relation `r` by the names in the spec. `time_zone` applies to timestamps without a zone."""

    stored: Mapping[str, Stored]
    time_zone: str = "UTC"

    def oid(self, name: str) -> int:
        """The number of the column's type."""
        return self.stored[name].oid

    def type(self, name: str) -> str:
        """The name of the column's type, for use in a cast."""
        return self.stored[name].type

    def raw(self, name: str) -> str:
        """The column as it is stored."""
        return f"r.{quoted(self.stored[name].name)}"

    def text(self, name: str) -> str:
        """The column as text that is compared by bytes, whatever the database's collation."""
        raw = self.raw(name)
        return f'({raw if self.oid(name) in PLAIN_TEXT else f"{raw}::text"} collate "C")'

    def moment(self, name: str) -> str:
        """A date or timestamp as timestamptz."""
        raw, oid = self.raw(name), self.oid(name)
        if oid == Oid.TIMESTAMPTZ:
            return raw
        return f"({raw if oid == Oid.TIMESTAMP else f'{raw}::timestamp'} at time zone {literal(self.time_zone)})"

    def value(self, name: str, type_: ColumnType) -> str:
        """The column as it is selected."""
        raw, oid = self.raw(name), self.oid(name)
        direct, others = _DIRECT[type_.kind]
        if oid in direct:
            return raw
        if oid in others:
            return others[oid].format(raw=raw, moment=self.moment(name) if oid in MOMENTS else "", scale=type_.scale)
        if type_.kind in _NUMBERS and oid in _BITS:
            return f"'B' || quote_literal({raw}::text)"
        if type_.kind is Kind.JSON and oid not in PLAIN_TEXT:
            return f"to_jsonb({raw})::text"
        return f"convert_to({raw}::text, 'UTF8')" if type_.kind is Kind.BINARY else f"{raw}::text"


_ROUNDED = "round({raw}::text::numeric, {scale})"
"""Uses the shortest text of a real: a direct cast keeps only 15 digits, and 6 digits of a 4-byte real."""
_NEAR = f"abs({_ROUNDED}::float8 - {{raw}}) <= abs({{raw}}) * {_REAL_NOISE}"
_DECIMAL = (  # NaN and infinity minus themselves are not 0
    f"case when {{raw}} - {{raw}} <> 0 then {{raw}}::text when {_NEAR} then {_ROUNDED}::text else {{raw}}::text end"
)
_MIDNIGHT = "case when {raw} = date_trunc('day', {raw}) then {raw}::date::text else {raw}::text end"
_LENGTH = "extract(epoch from {raw})"
_DURATION = (
    f"case when extract(year from {{raw}}) <> 0 or extract(month from {{raw}}) <> 0 then {{raw}}::text"
    f" when {_LENGTH} < 0 then '-PT' || trim_scale(-{_LENGTH}::numeric)::text || 'S'"
    f" else 'PT' || trim_scale({_LENGTH}::numeric)::text || 'S' end"
)
_WHOLE = "case when {raw} = trunc({raw}) and abs({raw}) < 9.2e18 then {raw}::int8::text else {raw}::text end"
FLOAT4_AS_FLOAT8 = "{raw}::text::float8"
"""The double of the shortest text of a 4-byte real: 11.4, not 11.399999618530273."""

# Types that Arrow takes as they are, and the conversion of others. Any type that is not named is selected as text.
_DIRECT: dict[Kind, tuple[frozenset[Oid], dict[int, str]]] = {
    Kind.TEXT: (PLAIN_TEXT, {}),
    Kind.INTEGER: (WHOLE, {Oid.NUMERIC: "trim_scale({raw})::text", **dict.fromkeys(REAL, _WHOLE)}),
    Kind.DECIMAL: (
        frozenset({Oid.NUMERIC}),
        {Oid.MONEY: "{raw}::numeric", **dict.fromkeys(REAL, _DECIMAL)},
    ),
    Kind.FLOAT: (
        frozenset({Oid.FLOAT8, Oid.NUMERIC, *WHOLE}),
        {Oid.FLOAT4: FLOAT4_AS_FLOAT8},
    ),
    Kind.BOOLEAN: (frozenset({Oid.BOOL}), {}),
    Kind.DATE: (frozenset({Oid.DATE}), {Oid.TIMESTAMP: _MIDNIGHT}),
    Kind.TIME: (frozenset({Oid.TIME}), {}),
    Kind.TIMESTAMP: (frozenset({Oid.TIMESTAMPTZ}), dict.fromkeys([Oid.TIMESTAMP, Oid.DATE], "{moment}")),
    Kind.DURATION: (frozenset(), {Oid.INTERVAL: _DURATION}),
    Kind.JSON: (frozenset(), dict.fromkeys(_JSON, "{raw}::text")),
    Kind.BINARY: (frozenset({Oid.BYTEA}), {}),
}
