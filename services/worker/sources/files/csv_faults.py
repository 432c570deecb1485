"""What is wrong with a CSV file, from the words of DuckDB, of which only numbers and the file's name are taken: the
rest holds values of rows.
"""

import re
from dataclasses import dataclass

_MIXED = "The CSV Parser state machine reached an invalid state."
"""DuckDB's words for a file with more than one sort of line end, among others."""

_LINE = re.compile(r"[A-Za-z ]*: CSV Error on Line: (\d+)\n")
_FILE = re.compile(r"\n  file = ([^\n]*)\n  delimiter = ")
_COUNT = re.compile(r"\nExpected Number of Columns: (\d+) Found: (\d+)\n")
_QUOTE = re.compile(r"\nValue with unterminated quote found\.")
_ENCODING = re.compile(r"\nInvalid unicode \(byte sequence mismatch\) detected\.")
_LENGTH = re.compile(r"\nMaximum line size of \d+ bytes exceeded\.")
_REASONS = (
    (_COUNT, "has {1} values, and the header has {0}"),
    (_QUOTE, "has an unclosed quote, or text after a closing quote"),
    (_ENCODING, "is not UTF-8; set encoding in the sources file"),
    (_LENGTH, "is longer than 64 MiB"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """`file` as DuckDB calls it, `line` from 1 or 0; `why` goes on the sentence "line 3 of `file`"."""

    file: str
    line: int
    why: str


def fault(words: str) -> Fault | None:
    """What an error's text says; None when it is about something else.

    A row stands in the middle of it and may say anything: what is looked for stands before it, or is the last of its
    sort behind it.
    """
    file = _last(_FILE, words)
    if file is None:
        return None
    line = _LINE.match(words)
    if line is None:
        return Fault(file[1], 0, "mixes line ends, or has a quote inside of a value") if _MIXED in words else None
    reasons = [(found.start(), why.format(*found.groups())) for form, why in _REASONS if (found := _last(form, words))]
    return Fault(file[1], int(line[1]), max(reasons)[1] if reasons else "cannot be read")


def _last(form: re.Pattern[str], words: str) -> re.Match[str] | None:
    return next(reversed([*form.finditer(words)]), None)
