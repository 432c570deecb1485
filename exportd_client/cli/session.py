"""One run of a command: its options, its client, its errors turned into words and an exit code."""

import asyncio
import functools
import shlex
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Self

import click
from click.core import ParameterSource

from exportd_client import ExportClient, ExportdError, Unavailable, Unreachable
from exportd_client.cli.exits import Exit, exit_of_error
from exportd_client.cli.output import Output

P = ParamSpec("P")
Command = Callable[Concatenate["Session", P], Awaitable[Exit]]
Decorated = Callable[..., Any]

_META = "exportd.{}"
_DEFAULTS = {"target": "127.0.0.1:50051", "tenant": "default", "output": "text"}


@dataclass
class Session:
    """What every command works with.

    export_id: of the export that the command is about, once it is known; else empty.
    how_to_go_on: the way out when the command is stopped half-way; empty: none is needed.
    """

    client: ExportClient
    output: Output
    target: str
    tenant: str
    export_id: str = ""
    how_to_go_on: str = ""

    @classmethod
    def of(cls, context: click.Context) -> Self:
        """Of the options of `context`. UsageError: one of them makes no sense."""
        target, tenant = _chosen(context, "target"), _chosen(context, "tenant")
        try:
            client = ExportClient(target, tenant)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        return cls(client, Output(as_json=wants_json(context)), target, tenant)

    def command(self, *words: str) -> str:
        """A command line that a person can type to go on with the same service and tenant."""
        chosen = {"target": self.target, "tenant": self.tenant}
        options = [f"--{name}={value}" for name, value in chosen.items() if value != _DEFAULTS[name]]
        return shlex.join(["exportctl", *words, *options])

    def failed(self, error: ExportdError) -> Exit:
        """Says what went wrong."""
        self.output.error(error, list(self._ways_out(error)))
        return exit_of_error(error)

    def interrupted(self) -> Exit:
        """Says how to go on after Ctrl-C."""
        metadata = {"export_id": self.export_id} if self.export_id else {}
        self.output.fault("INTERRUPTED", self.how_to_go_on or "interrupted", metadata)
        return Exit.INTERRUPTED

    def _ways_out(self, error: ExportdError) -> Iterator[str]:
        if isinstance(error, Unreachable):
            yield f"is exportd-api running at {self.target}? --target or EXPORTD_TARGET names another address"
        if isinstance(error, Unavailable) and self.how_to_go_on:
            yield self.how_to_go_on


def shared_options(command: Decorated) -> Decorated:
    """--target, --tenant and --output, which may stand before or after the name of the command."""
    for option in (
        _shared("--target", envvar="EXPORTD_TARGET", help="Address of exportd-api; default 127.0.0.1:50051."),
        _shared("--tenant", envvar="EXPORTD_TENANT", help='Whose exports; default "default".'),
        # Eager: a mistake in another option is already told in the form that is asked for.
        _shared("--output", type=click.Choice(["text", "json"]), is_eager=True, help="For people or for programs."),
    ):
        command = option(command)
    return command


def _shared(name: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    return click.option(name, callback=_keep, expose_value=False, **attributes)


def _keep(context: click.Context, option: click.Parameter, value: str | None) -> None:
    # A context shares its meta with those of the commands below it; there only what is typed counts, else the
    # environment would win over an option that stands before the command.
    typed = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    if value is not None and (typed or context.parent is None):
        context.meta[_META.format(option.name)] = value


def in_session(command: Command[P]) -> Callable[P, None]:
    """Makes an async command one for click."""

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
    except BrokenPipeError:  # the reader of stdout has gone: click ends silently
        raise
    except OSError as error:
        session.output.fault("LOCAL", f"can't write the file: {error}")
        return Exit.FAILED


async def _connected(session: Session, command: Callable[[], Awaitable[Exit]]) -> Exit:
    async with session.client:
        return await command()


def wants_json(context: click.Context) -> bool:
    """True with --output json."""
    return _chosen(context, "output") == "json"


def _chosen(context: click.Context, name: str) -> str:
    return str(context.meta.get(_META.format(name), _DEFAULTS[name]))
