"""The worker's sources.toml: where each source is. The api has only their ids and kinds."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.contract.spec import SourceRef
from services.worker.sources import errors
from services.worker.sources.http import settings as http_settings
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.secrets import Secrets
from services.worker.sources.sql import address
from services.worker.sources.stores import s3 as objects
from services.worker.sources.stores.s3 import ObjectRoot

KINDS = ("sql", "parquet", "csv", "http", "folder", "object")
_SQL_KEYS = ("password_file", "password_env", "statement_timeout_s", "source_time_zone")
_FILE_KEYS = ("source_time_zone",)
_OBJECT_KEYS = ("kind", *objects.KEYS)
_FILES = ("parquet", "csv")
_MAX_TIMEOUT_S = 86_400


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
    """One source. `path` is the SQLite file of kind sql, else the directory that everything is below; absolute.

    `url` is that of a database with its password in it; empty unless sql. `statement_timeout_s` bounds each statement
    there, 0 does not. `time_zone` (an IANA name) is where its timestamps without a zone are.
    `objects` is the root of files that are in an object store, `http` an API; neither has a `path`.
    `mask_key` is what masked values are hashed with; empty: there is none.
    """

    id: str
    kind: str
    path: Path
    url: str = field(default="", repr=False)
    statement_timeout_s: float = 0
    time_zone: str = "UTC"
    objects: ObjectRoot | None = None
    http: HttpSettings | None = None
    mask_key: bytes = field(default=b"", repr=False)


def load(path: Path, environ: Mapping[str, str] = os.environ) -> dict[str, SourceSettings]:
    """Sources by id. Relative paths are relative to the directory of the file. Raises SourcesMistaken.

    `environ` has the passwords that `password_env` names.
    """
    mistakes: list[str] = []
    document = _document(path, mistakes)
    mistakes += [f"{key}: not known; allowed is [sources.ID]" for key in document if key != "sources"]
    tables = _table(document.get("sources", {}), "sources", mistakes)
    base = path.resolve().parent
    found = {id_: _source(id_, table, base, environ, mistakes) for id_, table in tables.items()}
    if mistakes:
        raise SourcesMistaken(path, mistakes)
    return {id_: settings for id_, settings in found.items() if settings is not None}


def named(sources: Mapping[str, SourceSettings], ref: SourceRef) -> SourceSettings:
    """The source that a spec names. Raises SourceFailed (SOURCE_UNKNOWN), too, when it is of another kind here."""
    found = sources.get(ref.id)
    if found is None or found.kind != ref.kind:
        raise errors.unknown(ref.id, ref.kind)
    return found


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


def _source(
    id_: str, value: object, base: Path, environ: Mapping[str, str], mistakes: list[str]
) -> SourceSettings | None:
    key = f"sources.{id_}"
    table = _table(value, key, mistakes)
    kind = table.get("kind")
    if kind not in KINDS:
        mistakes.append(f"{key}.kind: must be one of {', '.join(KINDS)}")
        return None
    if kind == "http":
        mistakes += [f"{key}.{k}: not known for kind http" for k in table if k not in ("kind", *http_settings.KEYS)]
        secrets = Secrets(environ, base, mistakes)
        return SourceSettings(id_, kind, base, http=http_settings.read(key, table, secrets, mistakes))
    if kind == "object" or (kind in _FILES and objects.is_object_url(table.get("root"))):
        known = (*_OBJECT_KEYS, *(_FILE_KEYS if kind in _FILES else ()))
        mistakes += [f"{key}.{k}: not known for a root in an object store" for k in table if k not in known]
        root = objects.read(key, table, Secrets(environ, base, mistakes), mistakes)
        return SourceSettings(id_, kind, base, time_zone=_time_zone(table, key, mistakes), objects=root)
    place = "url" if kind == "sql" else "root"
    others = _SQL_KEYS if kind == "sql" else _FILE_KEYS if kind in _FILES else ()
    mistakes += [f"{key}.{k}: not known for kind {kind}" for k in table if k not in ("kind", place, *others)]
    given = table.get(place)
    if not isinstance(given, str) or not given:
        mistakes.append(f"{key}.{place}: is required, as text")
        return None
    time_zone = _time_zone(table, key, mistakes)
    if kind != "sql":
        return SourceSettings(id_, kind, base / given, time_zone=time_zone)
    timeout = _timeout(table, key, mistakes)
    try:
        file = address.sqlite_file(given)
        if file is not None:
            return SourceSettings(id_, kind, base / file, given, timeout, time_zone)
        url = address.completed(given, _password(table, key, Secrets(environ, base, mistakes), mistakes))
    except address.AddressRefused as refused:  # the address is not repeated: it may hold a password
        mistakes.append(f"{key}.url: {refused}")
        return None
    return SourceSettings(id_, kind, base, url, timeout, time_zone)


def _password(table: Mapping[str, Any], key: str, secrets: Secrets, mistakes: list[str]) -> str | None:
    """What the variable or the file holds that is named; None when neither is."""
    given = [way for way in ("env", "file") if f"password_{way}" in table]
    if len(given) > 1:
        mistakes.append(f"{key}.password_file: is one too many beside password_env")
    if len(given) != 1:
        return None
    name = f"password_{given[0]}"
    return secrets.text(f"{key}.{name}", {given[0]: table[name]})


def _timeout(table: Mapping[str, Any], key: str, mistakes: list[str]) -> float:
    given = table.get("statement_timeout_s", 0)
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= _MAX_TIMEOUT_S:
        mistakes.append(f"{key}.statement_timeout_s: must be a number of seconds, 0 (no limit) to {_MAX_TIMEOUT_S}")
        return 0
    return given


def _time_zone(table: Mapping[str, Any], key: str, mistakes: list[str]) -> str:
    given = table.get("source_time_zone", "UTC")
    try:
        ZoneInfo(given)
    except (TypeError, ValueError, OSError, LookupError):  # of another type, no path, a directory, none of that name
        mistakes.append(f"{key}.source_time_zone: must be an IANA name such as America/Mexico_City")
        return "UTC"
    return str(given)
