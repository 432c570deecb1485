"""exportctl, imported once with all of its commands."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from exportd_client.cli.program import COMMANDS
from tests.servers.warm import WarmProgram


@contextmanager
def warm_exportctl() -> Iterator[WarmProgram]:
    places = [place for commands in COMMANDS.values() for place, _ in commands.values()]
    modules = {f"exportd_client.cli.{place.partition(':')[0]}" for place in places}
    with closing(WarmProgram("exportd_client.cli", [*sorted(modules), "exportd_client.cli.suggested"])) as program:
        yield program
