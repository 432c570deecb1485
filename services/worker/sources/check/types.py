"""Whether the values of a live column can be of the type that a catalog gives it."""

from services.contract.spec import ColumnType, Kind

_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
_WIDEST = 38
"""Digits of a decimal when only its scale is known."""

_TAKEN: dict[Kind, frozenset[Kind]] = {
    Kind.INTEGER: frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN}),
    Kind.DECIMAL: _NUMBERS,
    Kind.FLOAT: _NUMBERS,
    Kind.BOOLEAN: frozenset({Kind.BOOLEAN, Kind.INTEGER}),
    Kind.DATE: frozenset({Kind.DATE, Kind.TIMESTAMP}),
    Kind.TIMESTAMP: frozenset({Kind.TIMESTAMP, Kind.DATE}),
    Kind.TIME: frozenset({Kind.TIME, Kind.DURATION}),
    Kind.DURATION: frozenset({Kind.DURATION, Kind.TIME}),
    Kind.JSON: frozenset(Kind) - {Kind.BINARY},
    Kind.BINARY: frozenset({Kind.BINARY}),
}
"""The types that can be converted to each type.

Text is not listed: only the values decide whether a text can be converted, and text accepts anything.
"""


def unfit(wanted: ColumnType, live: ColumnType) -> str:
    """Return why not every value of a column of type `live` can be of type `wanted`. Empty when no reason is known."""
    if Kind.TEXT in (wanted.kind, live.kind):
        return ""
    if live.kind not in _TAKEN[wanted.kind]:
        return f"no {live.kind.value} is of type {wanted.kind.value}"
    if live.kind is Kind.DECIMAL and wanted.kind in (Kind.INTEGER, Kind.DECIMAL):
        return _digits_lost(wanted, live)
    return ""


def _digits_lost(wanted: ColumnType, live: ColumnType) -> str:
    if live.scale > wanted.scale:
        return f"values with more than {wanted.scale} decimals would end an export"
    known = live.precision < _WIDEST and wanted.kind is Kind.DECIMAL
    if known and live.precision - live.scale > wanted.precision - wanted.scale:
        return f"values with more than {wanted.precision - wanted.scale} digits before the point would end an export"
    return ""
