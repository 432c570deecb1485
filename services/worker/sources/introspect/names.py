"""Names for callers, derived from names of a source.

Letters of Latin script lose their diacritics, so that everybody can type them. Letters of other scripts stay.
"""

import re
import unicodedata

_PLAIN = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH", "ŋ": "ng", "Ŋ": "NG"}
    | dict(zip("øØłŁđĐðÐħĦ\N{LATIN SMALL LETTER DOTLESS I}ŧŦəƏ", "oOlLdDdDhHitTeE", strict=True))
)
"""Letters of Latin script that Unicode does not decompose."""

_WORD = re.compile("u+(?!l)|u?l+|d+")
"""A word of a name: several capitals, letters after at most one capital, or digits.

The name is in classes of characters (u: capital, l: other letter, d: digit).
"""


class Names:
    """Gives out each name only once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def free(self, preferred: str) -> str:
        """Return the name, or the first of name2, name3, … that is free. Upper and lower case are the same."""
        number, name = 1, preferred
        while name.casefold() in self._given:
            number += 1
            name = f"{preferred}{number}"
        self._given.add(name.casefold())
        return name


NAME_NOT_UNICODE = "its name is not UTF-8"


def is_unicode(name: str) -> bool:
    """Whether the name is valid UTF-8. Python represents other bytes as halves of surrogate pairs."""
    return name.isascii() or not any("\ud800" <= c <= "\udfff" for c in name)


def words(name: str) -> list[str]:
    """Split a name of any style into words in lower case. Empty when it has no letter and no digit."""
    plain = _plain(name)
    classes = "".join(map(_class, plain))
    return [plain[found.start() : found.end()].lower() for found in _WORD.finditer(classes)]


def camel(name: str) -> str:
    """Return a name for a field, such as `arrDelayMin`. Empty for a name without words."""
    first, *others = words(name) or [""]
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
    text = " ".join(re.split(r"[_\s]+", name)).strip()
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
