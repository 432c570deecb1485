"""Cell references such as `B7` and `A1:J10` as numbers."""

import re

_CELL = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})")


def position_of(reference: str) -> tuple[int, int] | None:
    """Column and row from 1; None when it is no reference."""
    match = _CELL.fullmatch(reference)
    return (column_of(match[1]), int(match[2])) if match else None


def column_of(letters: str) -> int:
    """The number of a column, A being 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def range_of(reference: str) -> tuple[int, ...]:
    """First column and row, last column and row; a cell is a range of its own. Empty when it is no range."""
    first, _, last = reference.partition(":")
    start, end = position_of(first), position_of(last or first)
    if start is None or end is None or start > end or start[1] > end[1]:
        return ()
    return (*start, *end)
