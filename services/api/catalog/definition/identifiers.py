"""What fields, parameters, codes and words of paths may be called: letters and digits of any script, a few signs."""

import re
import unicodedata

_NAME = re.compile(r"[^\W\d][\w-]*")
_WORD = re.compile(r"[\w~-][\w.~-]*")


def is_name(text: str) -> bool:
    """Letters, digits, _ and -, the first one a letter or _: a code, a parameter, a part of a field."""
    return _NAME.fullmatch(_without_marks(text)) is not None


def is_field(text: str) -> bool:
    """Names, joined by dots."""
    return all(map(is_name, text.split(".")))


def is_word(text: str) -> bool:
    """What may stand between two slashes of a path: letters, digits and `_ ~ - .`, the first one no dot."""
    return _WORD.fullmatch(_without_marks(text)) is not None


def _without_marks(text: str) -> str:
    """Many scripts write vowels as marks on a letter, which are no letters to `re`."""
    if text.isascii():
        return text
    return text[:1] + "".join(c for c in text[1:] if not unicodedata.category(c).startswith("M"))
