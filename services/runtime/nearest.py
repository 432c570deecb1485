"""Finds the known name that was probably meant, and makes names safe to show."""

from collections import Counter
from collections.abc import Collection
from difflib import SequenceMatcher
from heapq import nlargest

MAX_COMPARED_CHARACTERS = 100
"""Longest name that is compared. Comparing takes quadratic time, and longer names are rarely mistyped."""

MAX_CANDIDATES = 5
"""Number of known names that are compared with a name: those with the most characters in common."""

NEAR = 0.6  # of 1, by difflib; the share of common characters
MAX_SUGGESTIONS = 10
MAX_NAME_CHARACTERS = 60


def closeness(one: str, other: str) -> float:
    """Return a value from 0 (nothing in common, or too long to compare) to 1, ignoring case."""
    if max(len(one), len(other)) > MAX_COMPARED_CHARACTERS:
        return 0.0
    matcher = SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= NEAR else 0.0


def nearest(name: str, known: Collection[str]) -> str:
    """Return the known name closest to `name`; empty when none is close. It costs only a few comparisons."""
    candidates = likely(name, known)
    ratio, close = max(((closeness(name, k), k) for k in candidates), default=(0.0, ""), key=lambda pair: pair[0])
    return close if ratio >= NEAR else ""


def likely(name: str, known: Collection[str]) -> list[str]:
    """Return the MAX_CANDIDATES known names that share most characters with `name`; none for a name that is too
    long.
    """
    return nlargest(MAX_CANDIDATES, known, key=_Shares(name).of) if len(name) <= MAX_COMPARED_CHARACTERS else []


class _Shares:
    """The share of characters that a name has in common with others. It is an upper bound of difflib's ratio."""

    def __init__(self, name: str) -> None:
        folded = name.casefold()
        self._length, self._letters = len(folded), Counter(folded)

    def of(self, known: str) -> float:
        folded = known[:MAX_COMPARED_CHARACTERS].casefold()
        common = sum(min(count, folded.count(letter)) for letter, count in self._letters.items())
        return 2 * common / (self._length + len(folded) or 1)


def hint(name: str, known: Collection[str]) -> str:
    """Return `did you mean x?` or, when no name is close, `known are a, b`."""
    meant = nearest(name, known)
    return f"did you mean {meant}?" if meant else f"known are {listed(known)}"


def listed(known: Collection[str]) -> str:
    """Return the first ten as `a, b, c`, or `none`."""
    more = ", …" if len(known) > MAX_SUGGESTIONS else ""
    return (", ".join([*known][:MAX_SUGGESTIONS]) or "none") + more


def shown(text: str) -> str:
    """Return `text` for a message: at most 60 characters, without characters that move a cursor or are not Unicode."""
    short = text if len(text) <= MAX_NAME_CHARACTERS else text[: MAX_NAME_CHARACTERS - 1] + "…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)
