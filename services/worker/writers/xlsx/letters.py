"""The letters of a sheet's columns."""

from functools import cache

_LETTERS = 26


@cache
def column_letters(number: int) -> str:
    """Return the letters of a column: A for 1, Z for 26, AA for 27, up to XFD for the last column."""
    before, letter = divmod(number - 1, _LETTERS)
    return (column_letters(before) if before else "") + chr(ord("A") + letter)
