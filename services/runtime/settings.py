"""Settings from a mapping of names to text, all problems in one message."""

import ipaddress
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from services.runtime.startup import CannotStart

T = TypeVar("T")

OFF = "off"


class SettingsError(CannotStart):
    """What is wrong with the settings: one line a problem."""


class SettingsReader:
    """Reads settings one by one and remembers what is wrong, for `finish` to raise at once.

    A setting that is absent or blank has its default. Names carry their unit (`_S` seconds).
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        """Any text."""
        return self._environ.get(name, "").strip() or default

    def path(self, name: str, default: Path) -> Path:
        """A path; `~` is the home directory."""
        return self.parsed(name, default, _path, "a path; the home directory of its ~ is not known")

    def optional_path(self, name: str) -> Path | None:
        """A path, or None when it is not set."""
        return self.path(name, Path()) if self.text(name, "") else None

    def required_path(self, name: str, what: str) -> Path:
        """A path without a default; `what` says what it should name."""
        if not self.text(name, ""):
            self._problems.append(f"{name} is not set: it names {what}")
        return self.path(name, Path())

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """One of a few words."""
        value = self.text(name, default)
        if value not in allowed:
            self._problems.append(f"{name} is {value!r}: it must be one of {', '.join(allowed)}")
            return default
        return value

    def parsed(self, name: str, default: T, parse: Callable[[str], T], must: str) -> T:
        """What `parse` makes of the text; `must` says what that must be when it raises ValueError."""
        text = self.text(name, "")
        try:
            return parse(text) if text else default
        except ValueError:
            self.problem(f"{name} is {text!r}: it must be {must}")
            return default

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        return self._number(name, default, least, most, int)

    def seconds(self, name: str, default: float, least: float, most: float) -> timedelta:
        """A length of time in seconds."""
        return timedelta(seconds=self._number(name, default, least, most, float))

    def loopback_or_off(self, name: str, default: str) -> str:
        """As `loopback`; the word `off` gives ""."""
        return "" if self.text(name, default) == OFF else self.loopback(name, default)

    def loopback(self, name: str, default: str) -> str:
        """An address HOST:PORT on loopback, of what asks nobody who he is."""
        value = self.address(name, default)
        if is_address(value) and not is_loopback(value):
            self._problems.append(f"{name} is {value!r}: it must be on loopback, such as {default}")
        return value

    def address(self, name: str, default: str) -> str:
        """An address HOST:PORT."""
        value = self.text(name, default)
        if not is_address(value):
            self._problems.append(f"{name} is {value!r}: it must be HOST:PORT, such as {default}")
        return value

    def yes(self, name: str) -> bool:
        """Whether it says `yes`; `no` is the default."""
        return self.choice(name, "no", ("yes", "no")) == "yes"

    def problem(self, line: str) -> None:
        """Note one that no single setting shows."""
        self._problems.append(line)

    def finish(self) -> None:
        """Raise SettingsError when anything was wrong."""
        if self._problems:
            raise SettingsError("\n".join(self._problems))

    def _number(self, name: str, default: T, least: float, most: float, parse: Callable[[str], T]) -> T:
        text = self.text(name, str(default))
        try:
            value = parse(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:  # type: ignore[operator]
            self._problems.append(f"{name} is {text!r}: it must be a number from {least} to {most}")
            return default
        return value


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as homeless:
        raise ValueError from homeless


def is_address(text: str) -> bool:
    """Whether it is HOST:PORT."""
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdigit() and int(port) <= 65535  # noqa: PLR2004 - the highest port there is


def is_loopback(address: str) -> bool:
    """Whether HOST:PORT is on loopback."""
    host = address.rpartition(":")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
