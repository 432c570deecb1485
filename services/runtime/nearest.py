"""The known name that somebody probably meant, and names fit to be shown."""

from collections.abc import Collection
from difflib import SequenceMatcher

MAX_COMPARED_CHARACTERS = 100  # characters: comparing is quadratic, and nobody mistypes a longer name
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
    """The known name closest to `name`; empty when none is near."""
    ratio, close = max(((closeness(name, k), k) for k in known), default=(0.0, ""), key=lambda pair: pair[0])
    return close if ratio >= NEAR else ""


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
