"""Reads settings from a mapping of names to texts. All problems are reported in one message."""

import ipaddress
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from services.runtime.startup import CannotStart

T = TypeVar("T")

OFF = "off"


class SettingsError(CannotStart):
    """The problems of the settings, one per line."""


class SettingsReader:
    """Reads settings one by one and collects the problems, which `finish` raises together.

    A setting that is absent or blank has its default. Names include their unit (`_S` for seconds).
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        """Read a text."""
        return self._given(name) or default

    def secret(self, name: str) -> str:
        """Read a secret: from the variable itself, from the first line of the file that `NAME_FILE` names, or from the
        first line that the command `NAME_COMMAND` prints. Return "" when none of the three is set.

        Problems contain no part of the secret.
        """
        way = self._way(name)
        return self._given(name) if way == name else self._kept_elsewhere(way)

    def secret_or_file(self, name: str) -> str | Path:
        """Read a secret like `secret`, but return the path of `NAME_FILE` for those who read that file again."""
        way = self._way(name)
        if way != f"{name}_FILE":
            return self._given(name) if way == name else self._kept_elsewhere(way)
        try:
            return _path(self._given(way))
        except ValueError:
            self.problem(f"{way}: the home directory of its ~ is not known")
            return ""

    def path(self, name: str, default: Path) -> Path:
        """Read a path. `~` is the home directory."""
        return self.parsed(name, default, _path, "a path; the home directory of its ~ is not known")

    def optional_path(self, name: str) -> Path | None:
        """Read a path; None when it is not set."""
        return self.path(name, Path()) if self.text(name, "") else None

    def required_path(self, name: str, what: str) -> Path:
        """Read a path without a default. `what` says what it must name."""
        if not self.text(name, ""):
            self._problems.append(f"{name} is not set: it names {what}")
        return self.path(name, Path())

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """Read one of a few words."""
        value = self.text(name, default)
        if value not in allowed:
            self._problems.append(f"{name} is {value!r}: it must be one of {', '.join(allowed)}")
            return default
        return value

    def parsed(self, name: str, default: T, parse: Callable[[str], T], must: str) -> T:
        """Return the result of `parse`.

        `must` describes valid texts for the problem that is noted when `parse` raises ValueError.
        """
        text = self.text(name, "")
        try:
            return parse(text) if text else default
        except ValueError:
            self.problem(f"{name} is {text!r}: it must be {must}")
            return default

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        """Read an integer from `least` to `most`."""
        return self._number(name, default, least, most, int)

    def seconds(self, name: str, default: float, least: float, most: float) -> timedelta:
        """Read a duration in seconds."""
        return timedelta(seconds=self._number(name, default, least, most, float))

    def endpoint_or_off(self, name: str, default: str, *, beyond_loopback: bool) -> str:
        """Return the address HOST:PORT of an endpoint without credentials; the word `off` gives "".

        It must be on loopback unless `beyond_loopback`.
        """
        if self.text(name, default) == OFF:
            return ""
        value = self.address(name, default)
        if is_address(value) and not (beyond_loopback or is_loopback(value)):
            self._problems.append(
                f"{name} is {value!r}: it must be on loopback, such as {default}, unless "
                "EXPORTD_METRICS_BEYOND_LOOPBACK=yes says that only your monitoring can reach it"
            )
        return value

    def address(self, name: str, default: str) -> str:
        """Read an address HOST:PORT."""
        value = self.text(name, default)
        if not is_address(value):
            self._problems.append(f"{name} is {value!r}: it must be HOST:PORT, such as {default}")
        return value

    def yes(self, name: str) -> bool:
        """Whether the setting is `yes`. The default is `no`."""
        return self.choice(name, "no", ("yes", "no")) == "yes"

    def problem(self, line: str) -> None:
        """Note a problem that concerns several settings."""
        self._problems.append(line)

    def finish(self) -> None:
        """Raise SettingsError if there was any problem."""
        if self._problems:
            raise SettingsError("\n".join(self._problems))

    def _given(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def _way(self, name: str) -> str:
        """Return the variable that has a secret or says where it is; `name` itself if none is set."""
        given = [way for way in (name, f"{name}_FILE", f"{name}_COMMAND") if self._given(way)]
        if len(given) > 1:
            self.problem(f"{' and '.join(given)} are set: the secret comes from one of them")
        return given[0] if given else name

    def _kept_elsewhere(self, name: str) -> str:
        from services.runtime.secret_text import reading  # noqa: PLC0415 - most processes need none of it

        read = reading.of_command if name.endswith("_COMMAND") else reading.of_file
        try:
            return reading.first_line(read(self._given(name)))
        except reading.SecretUnreadable as unreadable:
            self.problem(f"{name}: {unreadable}")
            return ""

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
    """Whether the text is HOST:PORT."""
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


_ANY = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "*": "127.0.0.1"}  # noqa: S104 - asked for, not bound


def reached(listen: str) -> str:
    """Return the HOST:PORT at which this machine reaches a server that listens at `listen`."""
    host, _, port = listen.rpartition(":")
    return f"{_ANY.get(host, host)}:{port}"
