"""The text form of secrets that callers show: a prefix, an id, 238 random bits and a checksum."""

import re
import zlib

ID_CHARACTERS = 10
SECRET_CHARACTERS = 40
"""Each character is one of 62, so that a secret has 238 random bits."""

_CHECK_CHARACTERS = 6
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TEXTS = re.compile(
    f"(ex[a-z])_([0-9A-Za-z]{{{ID_CHARACTERS}}})[0-9A-Za-z]{{{SECRET_CHARACTERS}}}([0-9A-Za-z]{{{_CHECK_CHARACTERS}}})"
)


def written(prefix: str, id_: str, secret: str) -> str:
    """Return the text, as its holder sends it. `prefix` is ex and a letter."""
    body = f"{prefix}_{id_}{secret}"
    return body + _check_of(body)


def read(text: str) -> tuple[str, str] | None:
    """Return the prefix and the id in a text; None for any other text, including a mistyped one."""
    found = _TEXTS.fullmatch(text)
    if found is None or _check_of(text[:-_CHECK_CHARACTERS]) != found[3]:
        return None
    return found[1], found[2]


def _check_of(body: str) -> str:
    """Return the CRC-32 of `body` in base 62.

    Secret scanners and the api use it to recognize a secret without a lookup.
    """
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK_CHARACTERS):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
