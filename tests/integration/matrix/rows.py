"""What one value of a source becomes in every file: exact, counted, or refused."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """A value as a kind of source stores it, in a column of the catalog's `type`.

    `text` is what CSV has of it, None for null; `code` the warning that counts what was lost, empty for nothing.
    """

    stored: Any
    type: str
    text: str | None = None
    code: str = ""
    refused: bool = False

    def __str__(self) -> str:
        return f"{self.type} {self.stored!s:.60}"


def exact(stored: Any, type_: str, text: str | None) -> Row:
    """A value that is in the file as it is in the source."""
    return Row(stored, type_, text)


def counted(stored: Any, type_: str, text: str | None, code: str) -> Row:
    """A value of which something is lost, and a warning says so."""
    return Row(stored, type_, text, code)


def refused(stored: Any, type_: str) -> Row:
    """A value that ends the export, VALUE_INVALID."""
    return Row(stored, type_, refused=True)
