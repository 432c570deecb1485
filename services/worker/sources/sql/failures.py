"""Converts errors of databases to failures for callers and to texts that an operator may read."""

import re
from collections.abc import Callable

from services.worker.sources import errors
from services.worker.sources.errors import DriverError, SourceFailed

MAX_SENTENCE_CHARACTERS = 500

_OF_STATE: tuple[tuple[str, Callable[[str], SourceFailed]], ...] = (
    ("57014", errors.too_long),
    ("55P03", errors.locked),
    ("42501", errors.permission_denied),
    ("42P01", errors.relation_missing),
    ("3F", errors.relation_missing),
    ("42883", errors.function_missing),
    ("42704", errors.function_missing),
    ("58P01", errors.function_missing),
    ("0A", errors.function_missing),
    ("42702", errors.name_ambiguous),
    ("42725", errors.name_ambiguous),
    ("42P09", errors.name_ambiguous),
    ("42", errors.query_invalid),
    ("22", errors.value_unconvertible),
)
"""Failures by the beginning of an SQLSTATE of PostgreSQL. The first match counts."""

_DENIED = re.compile(
    r"permission (was )?denied|(access|command) denied|not authorized|insufficient privilege", re.IGNORECASE
)
_AMBIGUOUS = re.compile("ambiguous", re.IGNORECASE)
_NO_FUNCTION = re.compile(
    r"(no such|unknown) (function|collation|module|extension|type)"
    r"|\b(function|collation|module|extension|type)\b.{0,200}(not exist|not found|unknown|failed)",
    re.IGNORECASE,
)
_NO_TABLE = re.compile(
    r"no such table|unknown table|invalid object name|\b(table|view|relation|schema)\b.{0,200}(n.t exist|not found)",
    re.IGNORECASE,
)
_OF_WORDS: tuple[tuple[re.Pattern[str], Callable[[str], SourceFailed]], ...] = (
    (_DENIED, errors.permission_denied),
    (_AMBIGUOUS, errors.name_ambiguous),
    (_NO_FUNCTION, errors.function_missing),
    (_NO_TABLE, errors.relation_missing),
)
"""Failures by words of a message, for databases without codes that all of their drivers report."""

_NO_VALUES = (
    "08",
    "0A",
    "22012",
    "25",
    "26",
    "28",
    "3D",
    "3F",
    "40",
    "42",
    "53",
    "54",
    "55",
    "57",
    "58",
    "F0",
    "HV",
    "XX",
)
"""Classes and codes of SQLSTATE whose messages may quote statements but never a value."""
_BEHIND = re.compile(r"\n|\. SQLSTATE:|\[SQL:|original line", re.IGNORECASE)


def of_state(state: str | None, source_id: str) -> SourceFailed:
    """Return the failure for an SQLSTATE. An unknown one, and None, means that the source cannot be read now."""
    found = (failure for beginning, failure in _OF_STATE if (state or "").startswith(beginning))
    return next(found, errors.unavailable)(source_id)


def of_words(text: str, source_id: str, otherwise: Callable[[str], SourceFailed]) -> SourceFailed:
    """Return the failure for the message of a refused statement; `otherwise` when no known words are in it."""
    said = sentence(text)
    found = (failure for words, failure in _OF_WORDS if words.search(said))
    return next(found, otherwise)(source_id)


def is_of_value(state: str | None) -> bool:
    """Whether the message of an error may quote a value."""
    return bool(state) and not str(state).startswith(_NO_VALUES)


def driver_error(error: BaseException, *, state: str | None = None, of_value: bool = False) -> DriverError:
    """Return the error's message for the log, without its words when they may quote a value.

    The caller removes secrets.
    """
    name = f"{type(error).__name__}{f' {state}' if state else ''}"
    return DriverError(name if of_value else f"{name}: {sentence(str(error))}")


def sentence(text: str) -> str:
    """Return the first line of a driver's message. Statements, hints, details and source lines follow it."""
    lines = [line for line in text.split("\n") if line.strip()]
    first = _BEHIND.split(lines[0])[0] if lines else ""
    return " ".join(first.split())[:MAX_SENTENCE_CHARACTERS]
