"""Options that every command of exportctl has, and option types that several use. This module imports little."""

from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

Decorated = Callable[..., Any]

DEFAULTS = {
    "target": "127.0.0.1:50051",
    "tenant": "default",
    "output": "text",
    "api_key_file": "",
    "api_key_command": "",
    "token_file": "",
    "tls_authority": "",
    "tls_server_name": "",
    "tls_certificate": "",
    "tls_key": "",
}
API_KEY = "EXPORTD_API_KEY"
"""The variable that holds the key itself.

No option takes the key, because every process on the machine can see options.
"""
DIRECT = "EXPORTD_DIRECT"
"""The variable of `--direct`, which the commands that download have."""
_META = "exportd.{}"
_DISTRIBUTION = "exportd-client"


class Text(click.ParamType[str]):
    """A text that is not empty. An empty one would be taken for an option that is not given."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value:
            self.fail("it is empty; leave it out", param, ctx)
        return str(value)


def shared_options(command: Decorated) -> Decorated:
    """Add the options that may be given before or after the command: address of the api, credentials, output format."""
    for option in (
        click.option(
            "--version",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_tell,
            help="Show the version and exit.",
        ),
        # Eager, so that a mistake in another option is reported in the requested format.
        _shared(
            "--output",
            type=click.Choice(["text", "json"]),
            is_eager=True,
            help="Output: text for people, or json for programs.",
        ),
        # A later decorator is listed earlier in --help.
        _shared(
            "--tls-key",
            type=Text(),
            envvar="EXPORTD_TLS_CLIENT_KEY",
            help="Private key of your certificate (PEM).",
        ),
        _shared(
            "--tls-certificate",
            type=Text(),
            envvar="EXPORTD_TLS_CLIENT_CERTIFICATE",
            help="Your own certificate (PEM), if the api asks for one.",
        ),
        _shared(
            "--tls-server-name",
            type=Text(),
            envvar="EXPORTD_TLS_SERVER_NAME",
            help="Name in the api's certificate, if it is not the host of the target; needed for several addresses.",
        ),
        _shared(
            "--tls-authority",
            type=Text(),
            envvar="EXPORTD_TLS_AUTHORITY",
            help='Use TLS; the authority that signed the api\'s certificate (PEM), or "system".',
        ),
        _shared(
            "--token-file",
            type=Text(),
            envvar="EXPORTD_TOKEN_FILE",
            help="File with a token of your identity provider, instead of an API key. Read again with each call.",
        ),
        _shared(
            "--api-key-command",
            type=Text(),
            envvar="EXPORTD_API_KEY_COMMAND",
            help="Command that prints your API key, such as the client of a vault. It runs without a shell.",
        ),
        _shared("--api-key-file", type=Text(), envvar="EXPORTD_API_KEY_FILE", help="File with your API key."),
        _shared(
            "--tenant",
            type=Text(),
            envvar="EXPORTD_TENANT",
            help='Tenant that owns the exports, for an api without keys; default "default".',
        ),
        _shared(
            "--target", type=Text(), envvar="EXPORTD_TARGET", help="Address of exportd-api; default 127.0.0.1:50051."
        ),
    ):
        command = option(command)
    return command


def chosen(context: click.Context, name: str) -> str:
    """Return the value of a shared option."""
    return str(context.meta.get(_META.format(name), DEFAULTS[name]))


def wants_json(context: click.Context) -> bool:
    """Whether --output json was given."""
    return chosen(context, "output") == "json"


def _shared(name: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    return click.option(name, callback=_keep, expose_value=False, **attributes)


def _keep(context: click.Context, option: click.Parameter, value: str | None) -> None:
    # A context shares its meta with those of its subcommands. In these only typed options count; otherwise the
    # environment would override an option that is given before the command.
    typed = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    if value is not None and (typed or context.parent is None):
        context.meta[_META.format(option.name)] = value


def _tell(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415 - it takes longer to load than everything else in --help

        click.echo(f"exportctl {version(_DISTRIBUTION)}")
        context.exit()
