"""What a file is called on a caller's disk."""

import re
import unicodedata

MAX_NAME_BYTES = 200
"""Of a suggested name in UTF-8: what is put behind it, such as "-attachments.zip", makes no more than 255 of it."""

_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*]')
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that control, order or break text, or are no text."""

_JOINERS = frozenset("\u200c\u200d")
"""Of category Cf, and needed: Persian and the languages of India write words with them."""

_DEVICES = frozenset(
    {
        *("con", "prn", "aux", "nul", "conin$", "conout$"),
        *(f"{port}{number}" for port in ("com", "lpt") for number in "0123456789\u00b9\u00b2\u00b3"),
    }
)
"""What Windows takes for a device, whatever extension comes behind it."""


def wrong_in_name(name: str) -> str:
    """Why no file should be called so on anybody's disk; empty for one that may, and for no name at all."""
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
    """`name` with as much of the extension as it does not end with: "a.csv" and "csv.gz" make "a.csv.gz"."""
    parts = extension.split(".")
    for there in range(len(parts), 0, -1):
        if name.lower().endswith("." + ".".join(parts[:there])):
            return ".".join([name, *parts[there:]])
    return f"{name}.{extension}"


def attachments_name(name: str, table_extension: str, extension: str) -> str:
    """The name beside that of the table: "a" and "a.xlsx" both make "a-attachments.zip"."""
    table = file_name(name, table_extension)
    return f"{table[: -len(table_extension) - 1]}-attachments.{extension}"
