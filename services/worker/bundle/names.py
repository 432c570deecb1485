"""Names of entries in a ZIP.

They can be unpacked safely anywhere, and are unique by construction, so that no set of names is kept. An attachment is
named `files/{file type}/{key}_{name}`, where `name` is the last part of its path. The key makes it unique among
attachments of its type. If making a key safe could make two keys equal (upper case, other characters, length), it is
followed by `~` and 12 digits of its SHA-256; `~` occurs nowhere else.
"""

import re
from hashlib import sha256

MAX_NAME_BYTES = 255
"""Longest name of an entry."""

_MAX_TYPE_BYTES = 60
_MAX_KEY_BYTES = 80
_FORBIDDEN = '<>:"|?*\\/~;'  # `;` separates names in the column `files`
# Windows cannot open files with these names
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_PLAIN_KEY = re.compile(r"[a-z0-9][a-z0-9-]*")


def folder_names(file_types: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders of file types, in order. They end with a slash and differ by more than case."""
    safe = [cut(safe_part(t), _MAX_TYPE_BYTES) for t in file_types]
    folded = [s.casefold() for s in safe]
    numbered = [f"{s}~{i}" if folded.index(f) < i else s for i, (s, f) in enumerate(zip(safe, folded, strict=True))]
    return tuple(f"files/{n}/" for n in numbered)


def attachment_name(folder: str, key: tuple[str | None, ...], path: str) -> str:
    """Return the name of an attachment's entry. `key` has the values of the row's key as text."""
    start = f"{folder}{_safe_key(key)}_"
    return start + _cut_stem(
        safe_part(path.replace("\\", "/").rsplit("/", 1)[-1]), MAX_NAME_BYTES - len(start.encode())
    )


def safe_part(text: str) -> str:
    """Return text as one part of a path, never empty. `_` replaces forbidden and invisible characters and `..`."""
    visible = "".join(c if c.isprintable() and c not in _FORBIDDEN else "_" for c in text)
    bare = visible.replace("..", "_").strip(" .")
    return f"_{bare}" if not bare or _DEVICE.fullmatch(bare) else bare


def cut(text: str, size_bytes: int) -> str:
    """Return as many characters as fit into `size_bytes` bytes of UTF-8."""
    return text.encode()[:size_bytes].decode(errors="ignore").rstrip(" .")


def _safe_key(key: tuple[str | None, ...]) -> str:
    parts = [part or "" for part in key]
    joined = "_".join(parts)
    if len(joined) <= _MAX_KEY_BYTES and all(_PLAIN_KEY.fullmatch(part) for part in parts):
        return joined
    digest = sha256(repr(key).encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{cut(safe_part(joined), _MAX_KEY_BYTES)}~{digest}"


def _cut_stem(name: str, size_bytes: int) -> str:
    """Cut a name before its extension, so that it still shows the kind of file."""
    stem, dot, extension = name.rpartition(".")
    if len(name.encode()) <= size_bytes or not stem or len(extension.encode()) >= size_bytes // 2:
        return cut(name, size_bytes)
    return cut(stem, size_bytes - len(extension.encode()) - 1) + dot + extension
