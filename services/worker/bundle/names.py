"""Names of entries in a ZIP: safe to unpack anywhere, and unique by construction, so that no set of them is kept.

An attachment is `files/{file type}/{key}_{name}`, `name` being the last part of its path. The key makes it unique among
the attachments of its type. Where making a key safe could make two keys alike (upper case, other characters, length),
`~` and 12 digits of its SHA-256 follow it; `~` occurs nowhere else.
"""

import re
from hashlib import sha256

MAX_NAME_BYTES = 255
"""Bytes of an entry's whole name."""

_MAX_TYPE_BYTES = 60
_MAX_KEY_BYTES = 80
_FORBIDDEN = '<>:"|?*\\/~;'  # `;` because it separates names in the column `files`
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows opens no file of these names
_PLAIN_KEY = re.compile(r"[a-z0-9][a-z0-9-]*")


def folder_names(file_types: tuple[str, ...]) -> tuple[str, ...]:
    """The folders of file types, in order, unique ignoring case; they end with a slash."""
    safe = [cut(safe_part(t), _MAX_TYPE_BYTES) for t in file_types]
    folded = [s.casefold() for s in safe]
    numbered = [f"{s}~{i}" if folded.index(f) < i else s for i, (s, f) in enumerate(zip(safe, folded, strict=True))]
    return tuple(f"files/{n}/" for n in numbered)


def attachment_name(folder: str, key: tuple[str | None, ...], path: str) -> str:
    """The entry of a row's attachment: `key` holds the values of the row's key as text."""
    start = f"{folder}{_safe_key(key)}_"
    return start + _cut_stem(
        safe_part(path.replace("\\", "/").rsplit("/", 1)[-1]), MAX_NAME_BYTES - len(start.encode())
    )


def safe_part(text: str) -> str:
    """Text as one part of a path, never empty: `_` stands for what no name may hold, what can't be seen, and `..`."""
    visible = "".join(c if c.isprintable() and c not in _FORBIDDEN else "_" for c in text)
    bare = visible.replace("..", "_").strip(" .")
    return f"_{bare}" if not bare or _DEVICE.fullmatch(bare) else bare


def cut(text: str, size_bytes: int) -> str:
    """As many characters as fit into `size_bytes` bytes of UTF-8."""
    return text.encode()[:size_bytes].decode(errors="ignore").rstrip(" .")


def _safe_key(key: tuple[str | None, ...]) -> str:
    parts = [part or "" for part in key]
    joined = "_".join(parts)
    if len(joined) <= _MAX_KEY_BYTES and all(_PLAIN_KEY.fullmatch(part) for part in parts):
        return joined
    digest = sha256(repr(key).encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{cut(safe_part(joined), _MAX_KEY_BYTES)}~{digest}"


def _cut_stem(name: str, size_bytes: int) -> str:
    """A name cut before its extension, so that it still says what the file is."""
    stem, dot, extension = name.rpartition(".")
    if len(name.encode()) <= size_bytes or not stem or len(extension.encode()) >= size_bytes // 2:
        return cut(name, size_bytes)
    return cut(stem, size_bytes - len(extension.encode()) - 1) + dot + extension
