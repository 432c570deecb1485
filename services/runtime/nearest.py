"""The known name that was probably meant, and names that are safe to show."""

from collections import Counter
from collections.abc import Collection
from difflib import SequenceMatcher
from heapq import nlargest

MAX_COMPARED_CHARACTERS = 100
"""Characters of a name that is compared: comparing is quadratic, and nobody mistypes a longer one."""

MAX_CANDIDATES = 5
"""Known names that are compared with one name, those that have most characters in common with it."""

NEAR = 0.6  # of 1, by difflib; the share of characters in common
MAX_SUGGESTIONS = 10
MAX_NAME_CHARACTERS = 60


def closeness(one: str, other: str) -> float:
    """From 0 (nothing in common, or too long to say) to 1, upper and lower case alike."""
    if max(len(one), len(other)) > MAX_COMPARED_CHARACTERS:
        return 0.0
    matcher = SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= NEAR else 0.0


def nearest(name: str, known: Collection[str]) -> str:
    """The known name closest to `name`; empty when none is near. Its cost is that of a few comparisons."""
    candidates = likely(name, known)
    ratio, close = max(((closeness(name, k), k) for k in candidates), default=(0.0, ""), key=lambda pair: pair[0])
    return close if ratio >= NEAR else ""


def likely(name: str, known: Collection[str]) -> list[str]:
    """The MAX_CANDIDATES known names with most characters in common with `name`; none for one that is too long."""
    return nlargest(MAX_CANDIDATES, known, key=_Shares(name).of) if len(name) <= MAX_COMPARED_CHARACTERS else []


class _Shares:
    """How many of its characters a name can have in common with others: no ratio of difflib's is more than that."""

    def __init__(self, name: str) -> None:
        folded = name.casefold()
        self._length, self._letters = len(folded), Counter(folded)

    def of(self, known: str) -> float:
        folded = known[:MAX_COMPARED_CHARACTERS].casefold()
        common = sum(min(count, folded.count(letter)) for letter, count in self._letters.items())
        return 2 * common / (self._length + len(folded) or 1)


def hint(name: str, known: Collection[str]) -> str:
    """`did you mean x?` or, when nothing is near, `known are a, b`."""
    meant = nearest(name, known)
    return f"did you mean {meant}?" if meant else f"known are {listed(known)}"


def listed(known: Collection[str]) -> str:
    """The first ten, `a, b, c`, or `none`."""
    more = ", …" if len(known) > MAX_SUGGESTIONS else ""
    return (", ".join([*known][:MAX_SUGGESTIONS]) or "none") + more


def shown(text: str) -> str:
    """`text` for a message: at most 60 characters, and nothing in it that moves a cursor or is no Unicode."""
    short = text if len(text) <= MAX_NAME_CHARACTERS else text[: MAX_NAME_CHARACTERS - 1] + "…"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)
