"""The tenants file: shares of the queue, quotas and callbacks of tenants that do not have the defaults.

[default]
max_running = 4

[tenants.acme]
weight = 2.0                      # twice the turns of a tenant of weight 1
max_running = 8                   # exports at once; 0: any number
callback_secrets = ["whsec_…"]    # of Standard Webhooks; two at once while one replaces the other
max_waiting = 1000                # quotas; 0, the default: unlimited
max_kept_bytes = 1_000_000_000_000
creates_a_minute = 600
previews_a_minute = 60
notifications_a_day = 1000
max_links = 1000                  # download links that can be used
mail_domains = ["acme.example"]   # where its mails and callbacks may go; each with all domains below it
callback_domains = ["hooks.acme.example"]
callback_format = "syntage"       # events of Syntage; the default is "xdent", one callback at the end of a run
callback_url = "https://hooks.acme.example/exports"   # of exports whose request names none
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.api.domain.callbacks import NO_CALLBACKS, CallbackDefaults, CallbackFormat
from services.api.domain.fairness import Fairness, Share
from services.api.domain.quotas import UNLIMITED_QUOTAS, Quotas
from services.runtime import logs
from services.runtime.toml import FileError, Mistake, Table, document

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of every secret of Standard Webhooks
MAX_SECRETS = 2
_SECRET_BYTES = range(24, 65)
_WEIGHT = (0.01, 100.0)
_RUNNING = range(10_001)
_SHARE = ("weight", "max_running")
_COUNTS = {
    "max_waiting": range(1_000_001),
    "max_kept_bytes": range(2**60),
    "creates_a_minute": range(1_000_001),
    "previews_a_minute": range(100_001),
    "notifications_a_day": range(10_000_001),
    "max_links": range(1_000_001),
}
_DOMAINS = ("mail_domains", "callback_domains")
_FORMATS = tuple(each.value for each in CallbackFormat)
_CALLBACKS = ("callback_format", "callback_url")
_DEFAULTS = (*_SHARE, *_COUNTS, *_DOMAINS, *_CALLBACKS)
_KEYS = (*_DEFAULTS, "callback_secrets")
_URL = re.compile("https?://[!-~]{1,2000}")
_DOMAIN = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9}")


@dataclass(frozen=True, slots=True)
class Tenants:
    """The content of the file. `callback_secrets` are the raw keys of each tenant, newest first."""

    fairness: Fairness = field(default_factory=Fairness)
    callback_secrets: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict, repr=False)
    default_quotas: Quotas = UNLIMITED_QUOTAS
    quotas: Mapping[str, Quotas] = field(default_factory=dict)
    default_callbacks: CallbackDefaults = NO_CALLBACKS
    callbacks: Mapping[str, CallbackDefaults] = field(default_factory=dict)


class LiveTenants:
    """The current tenants file, which can be reloaded while the api runs.

    It implements Shares, TenantQuotas and TenantCallbacks.
    """

    def __init__(self, file: Path | None) -> None:
        """Load the file. Raises FileError."""
        self._file = file
        self._current = load(file)
        self._edition = 0

    def reload(self) -> None:
        """Reload the file. If it has mistakes, they are logged and the current values stay."""
        if self._file is None:
            return
        try:
            self._current = load(self._file)
        except FileError as error:
            logs.get().error("tenants_refused", problem=str(error))
        else:
            self._edition += 1
            logs.get().info("tenants_reloaded", tenants=len(self._current.fairness.shares))

    def callback_secrets(self, tenant: str) -> Sequence[bytes]:
        """Return the raw keys of a tenant, newest first; empty if the file has none."""
        return self._current.callback_secrets.get(tenant, ())

    def quotas(self, tenant: str) -> Quotas:
        """See TenantQuotas."""
        return self._current.quotas.get(tenant, self._current.default_quotas)

    def callbacks(self, tenant: str) -> CallbackDefaults:
        """See TenantCallbacks."""
        return self._current.callbacks.get(tenant, self._current.default_callbacks)

    @property
    def edition(self) -> int:
        """See Shares."""
        return self._edition

    @property
    def caps(self) -> bool:
        """See Shares."""
        return self._current.fairness.caps

    def share(self, tenant: str) -> Share:
        """See Shares."""
        return self._current.fairness.share(tenant)

    def capped(self, tenant: str, running: int) -> bool:
        """See Shares."""
        return self._current.fairness.capped(tenant, running)


def load(file: Path | None) -> Tenants:
    """Load the file; with None every tenant has the default share and no secret.

    Raises FileError, whose text contains no secret.
    """
    if file is None:
        return Tenants()
    mistakes: list[Mistake] = []
    root = Table("", document(file), ("default", "tenants"), mistakes)
    defaults = Table("[default]", root.named("default"), _DEFAULTS, mistakes)
    default, default_quotas = _share(defaults, Share()), _quotas(defaults, UNLIMITED_QUOTAS)
    default_callbacks = _callbacks(defaults, NO_CALLBACKS)
    tables = {
        name: Table(f"[tenants.{name}]", content, _KEYS, mistakes) for name, content in root.named("tenants").items()
    }
    shares = {name: _share(table, default) for name, table in tables.items()}
    secrets = {name: _secrets(table) for name, table in tables.items()}
    quotas = {name: _quotas(table, default_quotas) for name, table in tables.items()}
    callbacks = {name: _callbacks(table, default_callbacks) for name, table in tables.items()}
    if mistakes:
        raise FileError(file, mistakes)
    secrets = {name: keys for name, keys in secrets.items() if keys}
    return Tenants(Fairness(default, shares), secrets, default_quotas, quotas, default_callbacks, callbacks)


def _share(table: Table, default: Share) -> Share:
    return Share(
        weight=table.real("weight", default.weight, *_WEIGHT),
        max_running=table.number("max_running", default.max_running, _RUNNING),
    )


def _quotas(table: Table, default: Quotas) -> Quotas:
    counts = {
        name.removeprefix("max_"): table.number(name, getattr(default, name.removeprefix("max_")), allowed)
        for name, allowed in _COUNTS.items()
    }
    mail_domains, callback_domains = (_domains(table, name, getattr(default, name)) for name in _DOMAINS)
    return Quotas(**counts, mail_domains=mail_domains, callback_domains=callback_domains)


def _domains(table: Table, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    if not table.has(key):
        return default
    domains = tuple(text.lower() for text in table.texts(key, needed=False))
    if not all(map(_DOMAIN.fullmatch, domains)):
        table.wrong(key, "each must be a domain such as acme.example")
    return domains


def _callbacks(table: Table, default: CallbackDefaults) -> CallbackDefaults:
    chosen = table.choice("callback_format", _FORMATS, default.format.value)
    url = "" if table.value("callback_url") == "" else table.text("callback_url", default.url)
    if url and not _URL.fullmatch(url):
        table.wrong("callback_url", "must be a URL such as https://hooks.acme.example/exports")
    return CallbackDefaults(CallbackFormat(chosen) if chosen else default.format, url)


def _secrets(table: Table) -> tuple[bytes, ...]:
    texts = table.texts("callback_secrets", needed=False)
    secrets = [_secret(text) for text in texts]
    if len(texts) > MAX_SECRETS:
        table.wrong("callback_secrets", "must be a list of one secret, or of two while one replaces the other")
    if None in secrets:
        table.wrong("callback_secrets", f"each must be {SECRET_PREFIX} and 24 to 64 bytes in base64")
    return tuple(secret for secret in secrets if secret is not None)


def _secret(text: str) -> bytes | None:
    if not text.startswith(SECRET_PREFIX):
        return None
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:  # it is not base64, or not ASCII
        return None
    return secret if len(secret) in _SECRET_BYTES else None
