"""One run of a command: its options, its client, and its errors as texts and exit codes."""

import asyncio
import functools
import shlex
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Self

import click

from exportd_client import ExportClient, ExportdError, Unavailable, Unreachable
from exportd_client.cli.connection import client_for, given_in
from exportd_client.cli.exits import Exit, exit_of_error
from exportd_client.cli.options import DEFAULTS, wants_json
from exportd_client.cli.output import Output

P = ParamSpec("P")
Command = Callable[Concatenate["Session", P], Awaitable[Exit]]


@dataclass
class Session:
    """The context that every command works in.

    export_id: the id of the export that the command is about, once it is known; otherwise empty.
    ways_on: how to continue if the command is interrupted, in lines; empty if nothing needs to be done.
    """

    client: ExportClient
    output: Output
    given: Mapping[str, str]
    export_id: str = ""
    ways_on: tuple[str, ...] = ()

    @classmethod
    def of(cls, context: click.Context) -> Self:
        """Return the session for the options of `context`. Raises UsageError if one of them is invalid."""
        given = given_in(context)
        try:
            client = client_for(given)
        except (ValueError, OSError) as error:
            raise click.UsageError(str(error)) from error
        return cls(client, Output(as_json=wants_json(context)), {**given, "target": client.target})

    def command(self, *words: str) -> str:
        """Return a command line with which a person can continue with the same service and tenant."""
        options = [f"--{n.replace('_', '-')}={value}" for n, value in self.given.items() if value != DEFAULTS[n]]
        return shlex.join(["exportctl", *words, *options])

    def failed(self, error: ExportdError) -> Exit:
        """Report a failed call, and return the exit code."""
        self.output.error(error, list(self._ways_out(error)))
        return exit_of_error(error)

    def exists(self, error: FileExistsError) -> Exit:
        """Report that a file exists and is not overwritten, and return the exit code."""
        ways = [f"{error.filename} exists already; --force overwrites it"]
        if self.export_id:
            ways.append(f"or download it elsewhere: {self.command('download', self.export_id, '-o', 'FILE')}")
        self.output.fault("LOCAL", ways, self._metadata)
        return Exit.REFUSED

    def interrupted(self) -> Exit:
        """Report how to continue after Ctrl-C, and return the exit code."""
        self.output.fault("INTERRUPTED", self.ways_on or ("interrupted",), self._metadata)
        return Exit.INTERRUPTED

    @property
    def _metadata(self) -> dict[str, str]:
        return {"export_id": self.export_id} if self.export_id else {}

    def _ways_out(self, error: ExportdError) -> Iterator[str]:
        if isinstance(error, Unreachable):
            yield f"is exportd-api running at {self.given['target']}? --target or EXPORTD_TARGET names another address"
            yield "exportctl doctor says what is wrong"
        if isinstance(error, Unavailable):
            yield from self.ways_on


def in_session(command: Command[P]) -> Callable[P, None]:
    """Turn an async command into a function for click."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        context = click.get_current_context()
        session = Session.of(context)
        context.exit(_run(session, lambda: command(session, *args, **kwargs)))

    return run


def _run(session: Session, command: Callable[[], Awaitable[Exit]]) -> Exit:
    try:
        return asyncio.run(_connected(session, command))
    except ExportdError as error:
        return session.failed(error)
    except KeyboardInterrupt:
        return session.interrupted()
    except BrokenPipeError:  # the reader of stdout is gone: click ends silently
        raise
    except FileExistsError as error:
        return session.exists(error)
    except OSError as error:
        session.output.fault("LOCAL", [f"can't write the file: {error}"])
        return Exit.FAILED


async def _connected(session: Session, command: Callable[[], Awaitable[Exit]]) -> Exit:
    async with session.client:
        return await command()
