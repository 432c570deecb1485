"""Finds out what is wrong with a CSV file from DuckDB's error message.

Only numbers and the name of the file are taken from the message, as the rest contains values of rows.
"""

import re
from dataclasses import dataclass

_MIXED = "The CSV Parser state machine reached an invalid state."
"""DuckDB's message for a file with different line ends, and for some other faults."""

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
    """A fault of a CSV file.

    `file` is its name in DuckDB, `line` counts from 1 (0: not known), and `why` completes the sentence "line 3 of
    `file` …".
    """

    file: str
    line: int
    why: str


def fault(words: str) -> Fault | None:
    """Return the fault that an error message describes; None when it is about something else.

    The message contains a row, which may have any text. So the expressions match only before the row, or take the last
    match after it.
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
