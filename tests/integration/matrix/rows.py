"""What one value of a source becomes in every file: exact, counted, or no value of its column's type.

Rows of most kinds are lines of `rows/KIND.txt`: stored as | read as | expression | expected. What is expected is the
text of CSV, behind a mark:

| mark | what it says |
|---|---|
| `!`  | no value of the type: refused; null or this text where the catalog says so, counted |
| `~`  | cut to microseconds, counted |
| `≈`  | the nearest number that a float has, counted |
| `∞`  | no number: null and counted in all files but Parquet |
| `?`  | no JSON: a text in JSON, counted there |
| `>`  | so far from now that only Parquet has it |
| `=`  | text with the escapes of JSON |

`null` is null, `null-text` is the text of it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "rows"
INVALID, CUT, NEAREST, NOT_FINITE, NO_JSON, FAR, ESCAPED = "!~≈∞?>="
_NULL, _NULL_TEXT = "null", "null-text"


@dataclass(frozen=True, slots=True)
class Row:
    """A value as a kind of source stores it, `expression`, by its type there and in a column of the catalog's `type`.

    `text` is what CSV has of it, or messages of an invalid one; None for null.
    """

    stored: str
    type: str
    expression: Any
    mark: str = ""
    text: str | None = None

    @property
    def value(self) -> str | None:
        """What Parquet has, where an invalid value is null."""
        return None if self.mark == INVALID else self.text

    @property
    def shown(self) -> str | None:
        """What the other files have."""
        return None if self.mark == NOT_FINITE else self.value


class Group(NamedTuple):
    """Values that are one column of a source: of one type there, and of one type in the catalog."""

    stored: str
    type: str
    rows: tuple[Row, ...]

    @property
    def is_far(self) -> bool:
        """Whether only Parquet can hold it."""
        return self.rows[0].mark == FAR


def row(stored: str, type_: str, expression: Any, expected: str | None) -> Row:
    """A row by what is expected of it, as the tables have it."""
    if expected is None or expected == _NULL:
        return Row(stored, type_, expression)
    mark = expected[:1] if expected[:1] in {INVALID, CUT, NEAREST, NOT_FINITE, NO_JSON, FAR} else ""
    text = expected.removeprefix(mark)
    return Row(stored, type_, expression, mark, _NULL if text == _NULL_TEXT else unescaped(text))


def unescaped(text: str) -> str:
    """A text of the tables."""
    return str(json.loads(text[1:])) if text.startswith(f'{ESCAPED}"') else text


def table(kind: str) -> list[Row]:
    """The rows of a kind."""
    lines = (FOLDER / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
    cells = ([cell.strip() for cell in line.split(" | ", 3)] for line in lines if line and not line.startswith("#"))
    return [row(stored, type_, expression, expected) for stored, type_, expression, expected in cells]


def groups(rows: Iterable[Row]) -> list[Group]:
    """The rows as columns; those that are far away have one of their own."""
    grouped: dict[tuple[str, str, bool], list[Row]] = {}
    for each in rows:
        grouped.setdefault((each.stored, each.type, each.mark == FAR), []).append(each)
    return [Group(stored, type_, tuple(of)) for (stored, type_, _), of in grouped.items()]


def columns(groups_: Iterable[Group]) -> Iterator[tuple[str, Group]]:
    """Each with its name."""
    return ((f"v{place}", group) for place, group in enumerate(groups_))


def across(groups_: Iterable[Group]) -> list[list[Row | None]]:
    """The rows of the table that has a column for each group: None where a group has no row left."""
    listed = [group.rows for group in groups_]
    return [
        [of[place] if place < len(of) else None for of in listed] for place in range(max(map(len, listed), default=0))
    ]
