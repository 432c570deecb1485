"""The tenants file: shares of the queue and secrets of callbacks, for those who do not have the default ones.

[default]
max_running = 4

[tenants.acme]
weight = 2.0                      # twice the turns of a tenant of weight 1
max_running = 8                   # exports at once; 0: any number
callback_secrets = ["whsec_…"]    # of Standard Webhooks; two at once while one replaces the other
"""

import base64
import binascii
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.api.domain.fairness import Fairness, Share
from services.runtime.startup import CannotStart

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret of Standard Webhooks begins with
MOST_SECRETS = 2
_SECRET_BYTES = range(24, 65)
_SHARE = ("weight", "max_running")
_KEYS = (*_SHARE, "callback_secrets")


class TenantsMistaken(CannotStart):
    """The file cannot be used; the message has every mistake, each with its key, and no secret."""

    def __init__(self, path: Path, mistakes: list[str]) -> None:
        super().__init__("\n".join([f"{path} has {len(mistakes)} mistake(s):", *(f"  {m}" for m in mistakes)]))


@dataclass(frozen=True, slots=True)
class Tenants:
    """What the file says. `callback_secrets` are the raw keys by tenant, the newest first."""

    fairness: Fairness = field(default_factory=Fairness)
    callback_secrets: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict, repr=False)


def load(path: Path | None) -> Tenants:
    """Read the file; None: every tenant has the default share and no secret. Raises TenantsMistaken."""
    if path is None:
        return Tenants()
    mistakes: list[str] = []
    document = _document(path, mistakes)
    tables = {f"tenants.{name}": table for name, table in _table(document, "tenants", mistakes).items()}
    default = _table(document, "default", mistakes)
    mistakes += [
        f"{key}: not known; allowed are [default] and [tenants.NAME]"
        for key in document.keys() - {"default", "tenants"}
    ]
    mistakes += _mistakes("default", default, _SHARE)
    for key, table in tables.items():
        mistakes += _mistakes(key, table, _KEYS)
    if mistakes:
        raise TenantsMistaken(path, mistakes)
    return _tenants(default, {key.removeprefix("tenants."): table for key, table in tables.items()})


def _document(path: Path, mistakes: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        mistakes.append(f"cannot be read: {error.strerror}")
    except ValueError as error:
        mistakes.append(f"is not TOML: {error}")
    return {}


def _table(document: Mapping[str, Any], key: str, mistakes: list[str]) -> dict[str, Any]:
    table = document.get(key, {})
    if isinstance(table, dict):
        return table
    mistakes.append(f"{key}: must be a table")
    return {}


def _mistakes(key: str, table: object, known: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(table, dict):
        yield f"{key}: must be a table"
        return
    yield from (f"{key}.{name}: not known; allowed are {', '.join(known)}" for name in table if name not in known)
    if not _is_number(table.get("weight", 1)) or not 0.01 <= table.get("weight", 1) <= 100:  # noqa: PLR2004
        yield f"{key}.weight: must be a number from 0.01 to 100"
    if not isinstance(table.get("max_running", 0), int) or not 0 <= table.get("max_running", 0) <= 10_000:  # noqa: PLR2004
        yield f"{key}.max_running: must be a whole number from 0 (any number) to 10000"
    yield from _secret_mistakes(f"{key}.callback_secrets", table.get("callback_secrets", []))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _secret_mistakes(key: str, given: object) -> Iterator[str]:
    if not isinstance(given, list) or len(given) > MOST_SECRETS:
        yield f"{key}: must be a list of one secret, or of two while one replaces the other"
    elif any(_secret(each) is None for each in given):
        yield f"{key}: each must be {SECRET_PREFIX} and 24 to 64 bytes in base64"


def _secret(text: object) -> bytes | None:
    if not isinstance(text, str) or not text.startswith(SECRET_PREFIX):
        return None
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        return None
    return secret if len(secret) in _SECRET_BYTES else None


def _tenants(default: dict[str, Any], tables: dict[str, dict[str, Any]]) -> Tenants:
    shares = {name: _share(default | table) for name, table in tables.items()}
    secrets = {
        name: tuple(filter(None, map(_secret, table.get("callback_secrets", ())))) for name, table in tables.items()
    }
    return Tenants(Fairness(_share(default), shares), secrets)


def _share(table: dict[str, Any]) -> Share:
    return Share(weight=float(table.get("weight", 1.0)), max_running=table.get("max_running", 0))
