"""Names that fields, parameters, codes and words of paths may have: letters and digits of any script, few signs."""

import re
import unicodedata

_NAME = re.compile(r"[^\W\d][\w-]*")
_WORD = re.compile(r"[\w~-][\w.~-]*")


def is_name(text: str) -> bool:
    """Whether `text` consists of letters, digits, _ and -, and begins with a letter or _.

    Such is the name of a code, a parameter, or a part of a field.
    """
    return _NAME.fullmatch(_without_marks(text)) is not None


def is_field(text: str) -> bool:
    """Whether `text` consists of names joined by dots."""
    return all(map(is_name, text.split(".")))


def is_word(text: str) -> bool:
    """Whether `text` is a word of a path: letters, digits and `_ ~ - .`, not beginning with a dot."""
    return _WORD.fullmatch(_without_marks(text)) is not None


def _without_marks(text: str) -> str:
    """Return `text` without combining marks. Many scripts write vowels as marks, which are no letters to `re`."""
    if text.isascii():
        return text
    return text[:1] + "".join(c for c in text[1:] if not unicodedata.category(c).startswith("M"))
