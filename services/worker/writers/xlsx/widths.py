"""Widths of columns: wide enough for the header and the first values, within limits."""

from services.contract.spec import ColumnSpec, Kind
from services.worker.writers.xlsx.cells import number_format
from services.worker.writers.xlsx.quick import Column

_NARROWEST, _WIDEST = 8, 60  # characters
_AIR = 2
_FILTER_BUTTON = 2
_SHOWN_AS_FORMAT = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.DURATION})


def header_width(header: str) -> int:
    """Return the width in characters for a header and the button of its filter."""
    return _clamped(len(header) + _FILTER_BUTTON)


def values_width(spec: ColumnSpec, column: Column) -> int:
    """Return the width in characters for the widest value. Moments are shown in their format, not as numbers."""
    if spec.type.kind in _SHOWN_AS_FORMAT:
        return _clamped(len(number_format(spec, milliseconds=True)))
    return _clamped(int(column.values.str.len_chars().max() or 0))  # type: ignore[arg-type]


def _clamped(characters: int) -> int:
    return max(_NARROWEST, min(_WIDEST, characters + _AIR))
