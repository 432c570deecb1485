"""The worker's sources.toml: where each source is. The api has only their ids and kinds."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

KINDS = ("sql", "parquet", "csv", "folder")
_SQLITE = "sqlite:///"


class SourcesMistaken(Exception):
    """The settings cannot be used; `mistakes` holds every one of them, each with its key."""

    def __init__(self, path: Path, mistakes: list[str]) -> None:
        super().__init__("\n".join([f"{path} has {len(mistakes)} mistake(s):", *(f"  {m}" for m in mistakes)]))
        self.path = path
        self.mistakes = mistakes

    def __reduce__(self) -> tuple[type["SourcesMistaken"], tuple[Path, list[str]]]:
        """Keep both arguments when it travels between processes."""
        return SourcesMistaken, (self.path, self.mistakes)


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One source. `path` is the database file of kind sql, else the directory that everything is below; absolute.

    `url` is as it was given, with whatever secret it holds; empty unless sql.
    """

    id: str
    kind: str
    path: Path
    url: str = field(default="", repr=False)


def load(path: Path) -> dict[str, SourceSettings]:
    """Sources by id. Relative paths are relative to the directory of the file. Raises SourcesMistaken."""
    mistakes: list[str] = []
    document = _document(path, mistakes)
    mistakes += [f"{key}: not known; allowed is [sources.ID]" for key in document if key != "sources"]
    tables = _table(document.get("sources", {}), "sources", mistakes)
    found = {id_: _source(id_, table, path.resolve().parent, mistakes) for id_, table in tables.items()}
    if mistakes:
        raise SourcesMistaken(path, mistakes)
    return {id_: settings for id_, settings in found.items() if settings is not None}


def _document(path: Path, mistakes: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        mistakes.append(f"cannot be read: {error.strerror}")
    except ValueError as error:
        mistakes.append(f"is not TOML: {error}")
    return {}


def _table(value: object, key: str, mistakes: list[str]) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    mistakes.append(f"{key}: must be a table")
    return {}


def _source(id_: str, value: object, base: Path, mistakes: list[str]) -> SourceSettings | None:
    key = f"sources.{id_}"
    table = _table(value, key, mistakes)
    kind = table.get("kind")
    if kind not in KINDS:
        mistakes.append(f"{key}.kind: must be one of {', '.join(KINDS)}")
        return None
    address = "url" if kind == "sql" else "root"
    mistakes += [f"{key}.{k}: not known for kind {kind}" for k in table if k not in ("kind", address)]
    given = table.get(address)
    if not isinstance(given, str) or not given:
        mistakes.append(f"{key}.{address}: is required, as text")
        return None
    if kind != "sql":
        return SourceSettings(id_, kind, base / given)
    file = _sqlite_file(given)
    if file is None:  # the address is not repeated: it may hold a password
        mistakes.append(f"{key}.url: must be sqlite:///FILE, with four slashes for an absolute path")
        return None
    return SourceSettings(id_, kind, base / file, given)


def _sqlite_file(url: str) -> str | None:
    parts = urlsplit(url)
    file = unquote(parts.path[1:])
    plain = url.startswith(_SQLITE) and not parts.query and not parts.fragment
    return file if plain and file and "\0" not in file else None
