"""The command line of a service. Without arguments the service starts; a name is a command; anything else is an error.

The module imports nothing that the service needs, so that it works without the service's libraries.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from services.runtime.nearest import hint, shown
from services.runtime.startup import CannotStart

OK, MISTAKEN, BROKEN_PIPE = 0, 2, 141
_DISTRIBUTION = "exportd"
_OWN = frozenset({"services", "exportd", "exportd_client"})
_HELP, _VERSION = ("-h", "--help"), ("--version",)


@dataclass(frozen=True, slots=True)
class Command:
    """A command. `run` takes the arguments after the name and returns the exit code."""

    name: str
    purpose: str
    run: Callable[[Sequence[str]], int]


@dataclass(frozen=True, slots=True)
class Program:
    """A service. `extra` is the extra to install with pip. `serve` runs the service and returns the exit code.

    `needs` are libraries that the service imports late, or in other processes; they are checked at the start.
    `settings` are the environment variables of the service, with their meanings.
    """

    name: str
    purpose: str
    extra: str
    commands: tuple[Command, ...]
    serve: Callable[[], int]
    needs: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def run(self, arguments: Sequence[str]) -> int:
        """Run what the arguments ask for.

        Return the exit code; it is 2 for an error in the arguments or when the service cannot start.
        """
        try:
            code = self._run(arguments)
            sys.stdout.flush()
        except CannotStart as problem:
            return _failed(
                f"{self.name} {arguments[0]}: {problem}" if arguments else f"{self.name} cannot start:\n{problem}"
            )
        except ModuleNotFoundError as missing:
            if (missing.name or "").partition(".")[0] in _OWN:
                raise
            return _failed(f"{self.name} needs pip install '{_DISTRIBUTION}[{self.extra}]': there is no {missing.name}")
        except BrokenPipeError:  # the reader of the output has closed it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return BROKEN_PIPE
        return code

    def _run(self, arguments: Sequence[str]) -> int:
        if not arguments:
            _name_process(self.name)
            self._check_needs()
            return self.serve()
        first, *rest = arguments
        if first in _HELP:
            sys.stdout.write(self._usage() + self._settings())
            return OK
        if first in _VERSION:
            sys.stdout.write(f"{self.name} {_version()}\n")
            return OK
        for command in self.commands:
            if command.name == first:
                return command.run(rest)
        return self._unknown(first)

    def _check_needs(self) -> None:
        for name in self.needs:
            if find_spec(name) is None:
                raise ModuleNotFoundError(name=name)

    def _unknown(self, name: str) -> int:
        kind = "option" if name.startswith("-") else "command"
        known = [*_HELP, *_VERSION] if kind == "option" else [command.name for command in self.commands]
        return _failed(f"{self.name}: there is no {kind} {shown(name)}; {hint(name, known)}\n\n{self._usage()}")

    def _usage(self) -> str:
        width = max(len(command.name) for command in self.commands)
        commands = "".join(f"  {c.name:{width}}  {c.purpose}\n" for c in self.commands)
        return (
            f"usage: {self.name} [-h | --version | COMMAND ...]\n\n{self.purpose}\n\n"
            f"commands (COMMAND -h says more):\n{commands}\n"
            "Without a command the service starts. Its settings are environment variables; --help lists them.\n"
        )

    def _settings(self) -> str:
        lines = (f"  {name}\n      {meaning.replace('`', '')}\n" for name, meaning in self.settings.items())
        return f"\nsettings, from the environment:\n{''.join(lines)}"


def _name_process(name: str) -> None:
    """Set the name that `pkill -x` and `ps` show, however the process was started."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - half of the cost of a start

    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return "(not installed)"


def _failed(message: str) -> int:
    sys.stderr.write(message.rstrip("\n") + "\n")
    return MISTAKEN
