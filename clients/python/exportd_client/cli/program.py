"""The program exportctl: its commands by name. Each is loaded when it is called."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from exportd_client.cli import streams
from exportd_client.cli.options import shared_options, wants_json

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Exports": {
        "create": ("create:create", "Create an export of URI, or of a --type with a --query."),
        "preview": (
            "preview:preview",
            "Show the first rows of URI, or of a --type with a --query; nothing is exported.",
        ),
        "list": ("exports:list_", "List exports, newest first."),
        "get": ("exports:get", "Show the export ID, or with --history what happened to it."),
        "watch": ("exports:watch", "Follow the export ID until it is done; with --output json one line per change."),
        "download": (
            "download:download",
            "Download and verify an export's file; ID is that of the export or of the file.",
        ),
        "link": ("links:link", "Create, list and revoke links with which people without credentials download a file."),
        "cancel": ("exports:cancel", "Cancel the export ID; it will have no file."),
        "delete": ("exports:delete", "Delete the export ID, which must be done, and its file."),
        "collections": ("catalog:collections", "List what can be exported, or describe the collection NAME."),
    },
    "Operation": {
        "top": ("top:top", "Show the queue, running exports and workers live."),
        "queue": ("operating:queue", "Show unfinished exports per tenant."),
        "workers": ("operating:workers", "List the workers that have reported within the last minute."),
        "drain": (
            "operating:drain",
            "Drain the worker ID: it finishes its current exports, takes no new ones and stops.",
        ),
        "retry": ("operating:retry", "Retry an export that has permanently failed."),
        "deliveries": ("operating:deliveries", "List the notifications of the export ID and their outcomes."),
        "redeliver": ("operating:redeliver", "Resend the notification ID (msg_…)."),
    },
    "Trust": {
        "audit": ("audit:audit", "Show the audit trail, newest first: who did what, and when."),
        "doctor": ("doctor:doctor", "Check how the api is reached: address, certificate, key, clock, version."),
        "usage": ("usage:usage", "Show what your tenant uses of its quotas."),
        "keys": ("keys:keys", "Create, list, rotate and revoke API keys and tokens of workers."),
    },
    "Shell": {
        "completion": ("completion:completion", "Print the completion script for SHELL: bash, zsh or fish."),
    },
}
"""For each heading and command name: where the command is, and the first sentence of its help."""

_PLACES = {name: entry for commands in COMMANDS.values() for name, entry in commands.items()}


class Program(click.Group):
    """A group that loads a command when it is called. With JSON output, it also reports usage errors as JSON."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in _PLACES:
            return None
        module, _, name = _PLACES[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"exportd_client.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        for heading, commands in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, text) for name, (_, text) in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        return [*self._names(incomplete), *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if not wants_json(ctx):
                raise
            streams.write_error("USAGE", error.format_message())
            ctx.exit(error.exit_code)

    def _names(self, incomplete: str) -> Iterator[CompletionItem[str]]:
        return (CompletionItem(name, help=text) for name, (_, text) in _PLACES.items() if name.startswith(incomplete))


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@shared_options
def program() -> None:
    """Export collections of records into files.

    An ID can be shortened to a prefix that no other id has.

    Exit codes: 0 done, 2 refused, 3 failed, 4 cancelled, 5 exportd can't be reached, 130 interrupted.
    """


def main(**attributes: Any) -> None:
    """Run exportctl. This ends the process."""
    streams.prepare()
    program(**attributes)
