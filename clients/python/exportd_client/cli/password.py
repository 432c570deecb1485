"""The password for the file: typed at the terminal or read from a file, but never given on the command line."""

import functools
import sys
from pathlib import Path

import click

from exportd_client.cli.exits import Exit
from exportd_client.cli.groups import options_of
from exportd_client.cli.options import Decorated, Text, wants_json
from exportd_client.cli.output import Output
from exportd_client.cli.values import STDIN

_option = options_of("Password")


def password_options(command: Decorated) -> Decorated:
    """Add --password and --password-file. The command gets `password`; None if neither is given.

    The password is asked for before the command starts its event loop, in which Ctrl-C would not end the prompt.
    """

    @_option(
        "--password", "ask", is_flag=True, help="Prompt for a password; the file is then a ZIP encrypted with AES-256."
    )
    @_option(
        "--password-file",
        "password_file",
        type=Text(),
        metavar="FILE",
        help="File whose first line is the password; - reads stdin.",
    )
    @functools.wraps(command)
    def run(*args: object, ask: bool, password_file: str | None, **options: object) -> None:
        command(*args, password=_password(ask, password_file), **options)

    return run


def _password(ask: bool, file: str | None) -> str | None:
    if ask and file is not None:
        raise click.UsageError("give either --password or --password-file")
    if file is not None:
        return _read(file)
    return _prompted() if ask else None


def _prompted() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("--password asks at a terminal, and there is none; --password-file - reads stdin")
    try:
        answer: str = click.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
    except click.Abort:
        context = click.get_current_context()
        Output(as_json=wants_json(context)).fault("INTERRUPTED", ["interrupted"])
        context.exit(Exit.INTERRUPTED)
    return answer


def _read(file: str) -> str:
    try:
        line = _first_line(file).decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        raise click.UsageError(f"can't read the password: {error}") from error
    except UnicodeDecodeError:  # the error contains the undecodable bytes
        raise click.UsageError("the first line of --password-file is not UTF-8") from None
    if not line:
        raise click.UsageError("the first line of --password-file is empty")
    return line


def _first_line(file: str) -> bytes:
    if file == STDIN:
        return sys.stdin.buffer.readline()
    with Path(file).open("rb") as lines:
        return lines.readline()
