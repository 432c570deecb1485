"""What a live database says of its tables."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from services.contract.spec import ColumnType, Kind

SAMPLE = 1_000
"""How many values of a column are looked at."""
GUESSED = "guessed from the values"
_MAX_DIGITS = 38
_MAX_DECIMALS = 10
_NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class TableNames:
    """Which tables are meant: all of a schema, of all schemas, or those called `table`; empty: any."""

    schema: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """A column, and the type of the catalog that fits it.

    `comment` is the database's own, `note` says what is to know of the type; each is empty when there is none.
    """

    name: str
    type: ColumnType
    comment: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A column that holds keys of another table."""

    column: str
    table: str


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A table or view; `relation` is what a catalog calls it, `key` is empty when it declares none."""

    relation: str
    name: str
    key: tuple[str, ...]
    columns: tuple[LiveColumn, ...]
    links: tuple[Link, ...] = ()
    comment: str = ""


def decimal_of(numbers: Collection[str]) -> ColumnType | None:
    """The decimal that holds all of these; None for none, for what is no number, or for over ten decimals."""
    matches = [_NUMBER.fullmatch(number) for number in numbers]
    parts = [(len(number[1].lstrip("0")), _decimals(number[2] or "")) for number in matches if number]
    if not parts or len(parts) < len(matches):
        return None
    whole, scale = max(whole for whole, _ in parts), max(decimals for _, decimals in parts)
    fits = scale <= _MAX_DECIMALS and whole + scale <= _MAX_DIGITS
    return ColumnType(Kind.DECIMAL, _MAX_DIGITS, scale) if fits else None


def _decimals(fraction: str) -> int:
    """How many, the last zeros being counted as long as they are few: 9.90 is a price."""
    return len(fraction) if len(fraction) <= _MAX_DECIMALS else len(fraction.rstrip("0"))
