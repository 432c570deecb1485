"""docs/reference/settings.md: what the programs read from the environment, with what they take and what it means.

The programs' own readers run here; each setting that one of them reads is noted with its default and its range.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import click

import services.api.settings as api
import services.gateway.settings as gateway
import services.worker.settings as worker
from exportd_client.cli.options import API_KEY, DEFAULTS, DIRECT, shared_options
from services.runtime.settings import SettingsReader

T = TypeVar("T")

HEAD = ("setting", "default", "values", "meaning")
NONE = "none"
SECRET = "a secret"
REQUIRED = "required"

COMPUTED = {
    "EXPORTD_ARTIFACTS": "`artifacts` in the data directory",
    "EXPORTD_DATABASE": "SQLite in the data directory",
    "EXPORTD_SCRATCH": "`.scratch` in the artifact folder; with a bucket, `scratch` in the data directory",
    "EXPORTD_SECRET_KEY_FILE": "`secret.key` in the data directory; `EXPORTD_DATABASE` needs it or one of the next two",
    "EXPORTD_THREADS": "cores / slots, at least 2",
    "EXPORTD_CALLBACK_PORTS": "443",
    "EXPORTD_SMTP_PORT": "587, 465 or 25, by the encryption",
    "EXPORTD_SMTP_FROM": "required with a mail server",
}
"""Defaults that depend on the machine or on another setting, in words."""


@dataclass(frozen=True, slots=True)
class Setting:
    """`values` says what it takes, with the unit."""

    name: str
    default: str
    values: str


class NotingReader(SettingsReader):
    """Notes what is read; the first reading of a setting counts, which is the one that says most."""

    noted: dict[str, Setting]

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.noted = {}

    def text(self, name: str, default: str) -> str:
        self._note(name, default or NONE, "text")
        return super().text(name, default)

    def path(self, name: str, default: Path) -> Path:
        self._note(name, f"`{default}`", "path")
        return super().path(name, default)

    def optional_path(self, name: str) -> Path | None:
        self._note(name, NONE, "path")
        return super().optional_path(name)

    def required_path(self, name: str, what: str) -> Path:
        self._note(name, REQUIRED, "path")
        return super().required_path(name, what)

    def secret(self, name: str) -> str:
        self._note(name, NONE, SECRET)
        return super().secret(name)

    def secret_or_file(self, name: str) -> str | Path:
        self._note(name, NONE, SECRET)
        return super().secret_or_file(name)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        self._note(name, f"`{default}`", ", ".join(f"`{each}`" for each in allowed))
        return super().choice(name, default, allowed)

    def parsed(self, name: str, default: T, parse: Callable[[str], T], must: str) -> T:
        self._note(name, f"`{default}`" if default else NONE, must)
        return super().parsed(name, default, parse, must)

    def address(self, name: str, default: str) -> str:
        self._note(name, f"`{default}`", "HOST:PORT")
        return super().address(name, default)

    def loopback(self, name: str, default: str) -> str:
        self._note(name, f"`{default}`", "HOST:PORT on loopback")
        return super().loopback(name, default)

    def loopback_or_off(self, name: str, default: str) -> str:
        self._note(name, f"`{default}`", "HOST:PORT on loopback, or `off`")
        return super().loopback_or_off(name, default)

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        self._note(name, str(default), f"{least} to {most}")
        return super().integer(name, default, least, most)

    def seconds(self, name: str, default: float, least: float, most: float) -> Any:
        self._note(name, _span(default), f"{least:g} s to {_span(most)}")
        return super().seconds(name, default, least, most)

    def _note(self, name: str, default: str, values: str) -> None:
        self.noted.setdefault(name, Setting(name, COMPUTED.get(name, default), values))


def of_api() -> list[Setting]:
    """Those that exportd-api reads, mail included."""
    return _noted(
        api,
        {"EXPORTD_SMTP_HOST": "mail.example.com", "EXPORTD_SMTP_FROM": "exports@example.com"},
        api.ApiSettings.from_env,
    )


def of_worker() -> list[Setting]:
    """Those that exportd-worker reads."""
    return _noted(worker, {}, worker.from_env)


def of_gateway() -> list[Setting]:
    """Those that exportd-gateway reads."""
    return _noted(gateway, {}, gateway.from_env)


def of_client() -> Iterator[tuple[Setting, str]]:
    """Those that exportctl reads, with their meaning."""
    for option in shared_options(click.Command("exportctl")).params:
        if isinstance(option, click.Option) and option.envvar:
            default = DEFAULTS[str(option.name)]
            yield Setting(str(option.envvar), f"`{default}`" if default else NONE, "text"), str(option.help)
    yield Setting(API_KEY, NONE, "text"), "Your API key, where no file has it."
    yield Setting(DIRECT, "`no`", "`yes`, `no`"), "Download straight from the object store if it can be reached."


def _span(seconds: float) -> str:
    """In seconds, and long ones in hours or days, too."""
    hours = seconds / 3600
    longer = f" ({hours / 24:g} days)" if hours > 24 else f" ({hours:g} h)" if hours >= 1 else ""
    return f"{seconds:.0f} s{longer}"


def _noted(module: Any, environ: Mapping[str, str], read: Callable[[Mapping[str, str]], object]) -> list[Setting]:
    readers: list[NotingReader] = []

    def reader(of: Mapping[str, str]) -> NotingReader:
        readers.append(NotingReader(of))
        return readers[-1]

    required = dict.fromkeys(("EXPORTD_CATALOG", "EXPORTD_SOURCES"), "file.toml")
    with patch.object(module, "SettingsReader", reader):
        read(required | environ)
    return list(readers[0].noted.values())


def rows(settings: list[Setting], meanings: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Of a table, in the order of the meanings; a setting without one is a ValueError."""
    ordered = sorted(settings, key=lambda s: [*meanings].index(s.name))
    return [(f"`{s.name}`", s.default, s.values, meanings[s.name]) for s in ordered]


def client_rows() -> list[tuple[str, ...]]:
    """The same of exportctl, whose options say what they mean."""
    return [(f"`{s.name}`", s.default, s.values, meaning) for s, meaning in of_client()]
