"""The types of columns as the catalog file writes them."""

import re

from services.api.catalog.definition.keys import MAX_DIGITS
from services.contract.spec import ColumnType, Kind
from services.runtime.nearest import hint
from services.runtime.toml import Table

_DECIMAL = re.compile(r"decimal\(\s*([0-9]{1,2})\s*,\s*([0-9]{1,2})\s*\)")
_TYPES = {kind.value: ColumnType(kind) for kind in Kind if kind is not Kind.DECIMAL}


def column_type(text: str) -> ColumnType | None:
    """Return the type of a text such as `decimal(18,2)` or the name of another kind; None if it is not a type."""
    decimal = _DECIMAL.fullmatch(text)
    if decimal:
        precision, scale = int(decimal[1]), int(decimal[2])
        return (
            ColumnType(Kind.DECIMAL, precision, scale) if scale <= precision and 1 <= precision <= MAX_DIGITS else None
        )
    return _TYPES.get(text)


def read_type(table: Table, key: str = "type") -> ColumnType:
    """Read a type. If it is wrong, return text, so that no other mistakes follow from it."""
    text = table.text(key, Kind.TEXT.value)
    type_ = column_type(text)
    if text and type_ is None:
        decimal = text.startswith(Kind.DECIMAL.value)
        allowed = f"decimal(p,s) has 1 to {MAX_DIGITS} digits, s of them (0 to p) after the point"
        table.wrong(key, f'"{text}" is not a type; {allowed if decimal else hint(text, [*_TYPES, "decimal(p,s)"])}')
    return type_ or ColumnType(Kind.TEXT)
