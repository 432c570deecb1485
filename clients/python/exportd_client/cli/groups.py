"""Options in groups, each with its own heading in --help."""

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from exportd_client.cli.options import Decorated

_REST = "Options"


class GroupedOption(click.Option):
    """An option that is listed under the heading `group`."""

    def __init__(self, *args: Any, group: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.group = group


class GroupedCommand(click.Command):
    """Lists its options by group, in the order of their declaration. Options without a group come last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None and isinstance(option, click.Option):
                groups.setdefault(getattr(option, "group", _REST), []).append(record)
        for name in sorted(groups, key=lambda name: name == _REST):
            with formatter.section(name):
                formatter.write_dl(groups[name])


def options_of(group: str) -> Callable[..., Callable[[Decorated], Decorated]]:
    """Return click.option for the options of one group."""
    return partial(click.option, cls=GroupedOption, group=group)
