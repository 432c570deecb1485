"""Names for callers, made of the names of a source.

Letters of Latin script lose their marks, so that everybody can type them; letters of other scripts stay as they are.
"""

import re
import unicodedata

_PLAIN = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH", "ŋ": "ng", "Ŋ": "NG"}
    | dict(zip("øØłŁđĐðÐħĦ\N{LATIN SMALL LETTER DOTLESS I}ŧŦəƏ", "oOlLdDdDhHitTeE", strict=True))
)
"""Letters of Latin script that Unicode does not take apart."""

_WORD = re.compile("u+(?!l)|u?l+|d+")
"""A word of a name, by the classes of its characters: capitals together, or one before other letters; or digits."""


class Names:
    """Names that are given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def free(self, preferred: str) -> str:
        """The name, or the first of name2, name3, … that nobody has, upper and lower case being the same."""
        number, name = 1, preferred
        while name.casefold() in self._given:
            number += 1
            name = f"{preferred}{number}"
        self._given.add(name.casefold())
        return name


NAME_NOT_UNICODE = "its name is not UTF-8"


def is_unicode(name: str) -> bool:
    """Whether it is UTF-8: bytes that are not are halves of surrogate pairs, as Python keeps them."""
    return name.isascii() or not any("\ud800" <= c <= "\udfff" for c in name)


def words(name: str) -> list[str]:
    """The words of a name in any style, in lower case; none when it has no letter and no digit."""
    plain = _plain(name)
    classes = "".join(map(_class, plain))
    return [plain[found.start() : found.end()].lower() for found in _WORD.finditer(classes)]


def camel(name: str) -> str:
    """`arrDelayMin`: a field; empty for a name without words."""
    first, *others = words(name) or [""]
    text = first + "".join(word.capitalize() for word in others)
    return f"n{text}" if text[:1].isdigit() else text


def pascal(name: str) -> str:
    """`ArrDelayMin`: a code; empty for a name without words."""
    text = camel(name)
    return text[:1].upper() + text[1:]


def kebab(name: str) -> str:
    """`arr-delay-min`: a word of a path; empty for a name without words."""
    return "-".join(words(name))


def header(name: str) -> str:
    """`Arr delay (min)`: what people read above a column; empty for a name of blanks."""
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
