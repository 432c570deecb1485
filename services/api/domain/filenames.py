"""Names of files as they are suggested to callers."""

import re
import unicodedata

MAX_NAME_BYTES = 200
"""Size of a suggested name in UTF-8. With a suffix such as "-attachments.zip" the name stays within 255 bytes."""

_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*]')
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that control, reorder or break text, or that are not text."""

_JOINERS = frozenset("\u200c\u200d")
"""Joiners are in category Cf but are allowed: Persian and the languages of India need them to write words."""

_DEVICES = frozenset(
    {
        *("con", "prn", "aux", "nul", "conin$", "conout$"),
        *(f"{port}{number}" for port in ("com", "lpt") for number in "0123456789\u00b9\u00b2\u00b3"),
    }
)
"""Names that Windows takes for devices, with any extension."""


def wrong_in_name(name: str) -> str:
    """Return why a name is not allowed for a file on some system; empty if it is allowed or if the name is empty."""
    if len(name.encode(errors="replace")) > MAX_NAME_BYTES:
        return f"must be at most {MAX_NAME_BYTES} bytes of UTF-8"
    if _NOT_IN_NAMES.search(name) or any(map(_is_unseen, name)):
        return 'must contain none of <>:"/\\|?* and no control, direction or line-break character'
    if name and name.strip(". ") == "":
        return "must be more than dots and spaces"
    if name.partition(".")[0].rstrip(" ").casefold() in _DEVICES:
        return f"must not be {name.partition('.')[0].upper()}, which is a device on Windows"
    return ""


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN and character not in _JOINERS


def file_name(name: str, extension: str) -> str:
    """Append to `name` the part of the extension that it does not end with: "a.csv" and "csv.gz" make "a.csv.gz"."""
    parts = extension.split(".")
    for there in range(len(parts), 0, -1):
        if name.lower().endswith("." + ".".join(parts[:there])):
            return ".".join([name, *parts[there:]])
    return f"{name}.{extension}"


def attachments_name(name: str, table_extension: str, extension: str) -> str:
    """Return the name of the attachments beside the table: "a" and "a.xlsx" both make "a-attachments.zip"."""
    table = file_name(name, table_extension)
    return f"{table[: -len(table_extension) - 1]}-attachments.{extension}"
