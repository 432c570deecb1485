"""Tables as lines of text. Cells are cut only in columns that allow it: ids, times and numbers are always complete."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_GAP = "  "
MIN_CUT_CELLS = 8
"""The least width of a column that is cut, in cells of the terminal."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    right: align the cells to the right, for numbers.
    flexible: cut the cells if the terminal is too narrow.
    """

    name: str
    right: bool = False
    flexible: bool = False


def lines(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int, end: str) -> Iterator[str]:
    """Yield the header and the rows, at most `width` cells wide unless the columns that must not be cut are wider.

    `end` replaces the part of a cell that was cut off.
    """
    table = [[column.name for column in columns], *([*row] for row in rows)]
    widths = _fitted(columns, [max(map(cells, column)) for column in zip(*table, strict=True)], width)
    for row in table:
        padded = [_padded(*each, end) for each in zip(columns, row, widths, strict=True)]
        yield _GAP.join(padded).rstrip()


def fits(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int) -> bool:
    """Whether the table fits into `width` cells, possibly with some cells cut."""
    table = [[column.name for column in columns], *rows]
    widths = [max(map(cells, column)) for column in zip(*table, strict=True)]
    return _total(_fitted(columns, widths, width)) <= width


def cells(text: str) -> int:
    """Return how many cells of a terminal `text` takes."""
    return sum(map(_cells, text))


def cut(text: str, width: int, end: str) -> str:
    """Return `text` in at most `width` cells, with `end` in place of what was cut off."""
    if cells(text) <= width:
        return text
    room = max(width - len(end), 0)
    kept = ""
    for char in text:
        room -= _cells(char)
        if room < 0:
            break
        kept += char
    return kept + end


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _fitted(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Return the widths of the columns, of which flexible ones are narrowed, the widest first, until the table fits."""
    widths = [*widths]
    flexible = [place for place, column in enumerate(columns) if column.flexible]
    while flexible and _total(widths) > width:
        widest = max(flexible, key=lambda place: widths[place])
        if widths[widest] <= MIN_CUT_CELLS:
            break
        widths[widest] -= 1
    return widths


def _padded(column: Column, text: str, width: int, end: str) -> str:
    text = cut(text, width, end) if column.flexible else text
    space = " " * max(width - cells(text), 0)
    return space + text if column.right else text + space
