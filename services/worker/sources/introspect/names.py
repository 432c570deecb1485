"""Names for callers, derived from names of a source.

Letters of Latin script lose their diacritics, so that everybody can type them. Letters of other scripts stay.
"""

import re
import unicodedata
from functools import lru_cache

_PLAIN = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH", "ŋ": "ng", "Ŋ": "NG"}
    | dict(zip("øØłŁđĐðÐħĦ\N{LATIN SMALL LETTER DOTLESS I}ŧŦəƏ", "oOlLdDdDhHitTeE", strict=True))
)
"""Letters of Latin script that Unicode does not decompose."""

_WORD = re.compile("u+(?!l)|u?l+|d+")
"""A word of a name: several capitals, letters after at most one capital, or digits.

The name is in classes of characters (u: capital, l: other letter, d: digit).
"""

_ASCII_WORD = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
"""The same for a name of ASCII, by its characters themselves."""

_SPACE = re.compile(r"[_\s]+")

MAX_NAMES_KNOWN = 4096
"""How many names have their words kept. Most tables share the names of their columns."""


class Names:
    """Gives out each name only once."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._last: dict[str, int] = {}

    def free(self, preferred: str) -> str:
        """Return the name, or the first of name2, name3, … that is free. Upper and lower case are the same."""
        folded = preferred.casefold()
        number, name = self._last.get(folded, 1), preferred
        while name.casefold() in self._given:
            number += 1
            name = f"{preferred}{number}"
        self._last[folded] = number
        self._given.add(name.casefold())
        return name


NAME_NOT_UNICODE = "its name is not UTF-8"


def is_unicode(name: str) -> bool:
    """Whether the name is valid UTF-8. Python represents other bytes as halves of surrogate pairs."""
    return name.isascii() or not any("\ud800" <= c <= "\udfff" for c in name)


@lru_cache(MAX_NAMES_KNOWN)
def words(name: str) -> tuple[str, ...]:
    """Split a name of any style into words in lower case. Empty when it has no letter and no digit."""
    if name.isascii():
        return tuple(word.lower() for word in _ASCII_WORD.findall(name))
    plain = _plain(name)
    classes = "".join(map(_class, plain))
    return tuple(plain[found.start() : found.end()].lower() for found in _WORD.finditer(classes))


def camel(name: str) -> str:
    """Return a name for a field, such as `arrDelayMin`. Empty for a name without words."""
    first, *others = words(name) or ("",)
    text = first + "".join(word.capitalize() for word in others)
    return f"n{text}" if text[:1].isdigit() else text


def pascal(name: str) -> str:
    """Return a code, such as `ArrDelayMin`. Empty for a name without words."""
    text = camel(name)
    return text[:1].upper() + text[1:]


def kebab(name: str) -> str:
    """Return a step of a path, such as `arr-delay-min`. Empty for a name without words."""
    return "-".join(words(name))


def header(name: str) -> str:
    """Return a header, such as `Arr delay (min)`. Empty for a name that is blank."""
    text = " ".join(_SPACE.split(name)).strip()
    return text[:1].upper() + text[1:]


def _plain(name: str) -> str:
    kept, base = [], ""
    for character in unicodedata.normalize("NFKD", name.translate(_PLAIN)):
        if not _is_mark(character):
            base = character
        elif base.isascii():
            continue
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))


def _class(character: str) -> str:
    if character.isupper() or character.istitle():
        return "u"
    if character.isdecimal():
        return "d"
    return "l" if character.isalpha() or _is_mark(character) else " "


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")
