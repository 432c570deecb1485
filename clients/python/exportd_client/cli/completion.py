"""exportctl completion: completion scripts for shells."""

import click
from click.shell_completion import get_completion_class

from exportd_client.cli.options import shared_options

PROGRAM = "exportctl"
SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_EXPORTCTL_COMPLETE"
"""The variable with which a shell asks the program for completions."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@shared_options
def completion(shell: str) -> None:
    """Print the completion script for SHELL: bash, zsh or fish.

    It completes commands, options, collections and ids. Collections and ids come from the service at --target, if it
    answers within a second.

    \b
    bash, in ~/.bashrc:                     eval "$(exportctl completion bash)"
    zsh, in ~/.zshrc after compinit:        eval "$(exportctl completion zsh)"
    fish:  exportctl completion fish > ~/.config/fish/completions/exportctl.fish
    """  # noqa: D301 - click wants the character itself
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click has no completion for {shell}")
    click.echo(kind(click.get_current_context().find_root().command, {}, PROGRAM, VARIABLE).source(), nl=False)
