"""The commands of exportctl."""

from contextlib import aclosing
from typing import Any, get_args

import click
from google.protobuf.empty_pb2 import Empty

from exportd_client import Export, File, StateName
from exportd_client.cli.create import create
from exportd_client.cli.display import Display, display
from exportd_client.cli.exits import Exit, exit_of_end
from exportd_client.cli.fetch import fetch, fetch_both
from exportd_client.cli.follow import follow
from exportd_client.cli.operating import OPERATING
from exportd_client.cli.output import Output
from exportd_client.cli.preview import preview
from exportd_client.cli.session import Session, in_session, shared_options, wants_json
from exportd_client.cli.values import STDOUT, Destination, Label, Moment
from exportd_client.cli.words import (
    HISTORY_HEADER,
    LIST_HEADER,
    collection_facts,
    export_facts,
    file_facts,
    history_row,
    list_row,
)


class Program(click.Group):
    """Tells mistakes of the command line as JSON too, when JSON is asked for."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if not wants_json(ctx):
                raise
            Output(as_json=True).fault("USAGE", error.format_message())
            ctx.exit(Exit.REFUSED)


@click.group(cls=Program)
@shared_options
def main() -> None:
    """Export collections of records into files.

    Exit codes: 0 done, 2 refused, 3 failed, 4 cancelled, 5 exportd can't be reached, 130 interrupted.
    """


main.add_command(create)
main.add_command(preview)
for command in OPERATING:
    main.add_command(command)


@main.command()
@click.argument("id")
@click.option("--history", is_flag=True, help="Every change of its state: when, who and why.")
@shared_options
@in_session
async def get(session: Session, /, id: str, history: bool) -> Exit:  # noqa: A002 - the argument's name in the help
    """Show the export ID, or with --history what happened to it."""
    if history:
        transitions = await session.client.transitions(id)
        session.output.table("transitions", transitions, HISTORY_HEADER, map(history_row, transitions))
        return Exit.OK
    export = await session.client.get(id)
    session.output.result(export, export_facts(export))
    return Exit.OK


@main.command("list")
@click.option(
    "--state", "states", type=click.Choice(get_args(StateName), case_sensitive=False), multiple=True, help="Repeatable."
)
@click.option("--type", default="", help="Code of a collection.")
@click.option("--label", "labels", type=Label(), multiple=True, help="Repeatable.")
@click.option("--created-after", type=Moment(), help="At or after, such as 2026-01-31T00:00:00Z.")
@click.option("--created-before", type=Moment(), help="Before.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@shared_options
@in_session
async def list_(
    session: Session,
    /,
    labels: tuple[tuple[str, str], ...],
    limit: int,
    **filters: Any,
) -> Exit:
    """List exports, newest first."""
    listed = session.client.list(**filters, labels=dict(labels), page_size=limit + 1)
    exports: list[Export] = []
    async with aclosing(listed):
        async for export in listed:
            exports.append(export)
            if len(exports) > limit:
                break
    if len(exports) > limit:
        exports.pop()
        session.output.note(f"there are more: these are the newest {limit:,}, --limit shows more")
    session.output.table("exports", exports, LIST_HEADER, map(list_row, exports))
    return Exit.OK


@main.command()
@click.argument("id")
@shared_options
@in_session
async def watch(session: Session, /, id: str) -> Exit:  # noqa: A002 - the argument's name in the help
    """Follow the export ID until it is done; with --output json one line a change."""
    with display(silent=session.output.as_json) as view:
        export = await follow(session, id, lambda export: _show_change(session, view, export))
    session.output.facts(export_facts(export))
    return exit_of_end(export)


def _show_change(session: Session, view: Display, export: Export) -> None:
    if session.output.as_json:
        session.output.result(export, ())
    else:
        view.building(export)


@main.command()
@click.argument("id")
@click.option("--only-if-queued", is_flag=True, help="Leave it alone once a worker has picked it up.")
@shared_options
@in_session
async def cancel(session: Session, /, id: str, only_if_queued: bool) -> Exit:  # noqa: A002 - as above
    """End the export ID for good; no file will follow."""
    export = await session.client.cancel(id, only_if_queued=only_if_queued)
    session.output.result(export, export_facts(export))
    return Exit.OK


@main.command()
@click.argument("id")
@shared_options
@in_session
async def delete(session: Session, /, id: str) -> Exit:  # noqa: A002 - as above
    """Remove the export ID, which must be done, and its file."""
    await session.client.delete(id)
    session.output.result(Empty(), [("deleted", id)])
    return Exit.OK


@main.command()
@click.argument("id")
@click.option("-o", "path", type=Destination(), required=True, help="A path, a directory or - for stdout.")
@click.option("--file", "is_file", is_flag=True, help="ID is that of a file rather than of an export.")
@shared_options
@in_session
async def download(session: Session, /, id: str, path: str, is_file: bool) -> Exit:  # noqa: A002 - as above
    """Bring the file of the export ID, verified, and beside it its attachments when they are a file of their own.

    Repeat an interrupted download to go on with it.
    """
    if path == STDOUT:
        session.output.results_to_stderr()
    with display(silent=session.output.as_json) as view:
        file, where = await _bring(session, id, is_file, path, view)
    session.output.result(file, file_facts(file), **where)
    return Exit.OK


async def _bring(session: Session, id_: str, is_file: bool, path: str, view: Display) -> tuple[File, dict[str, str]]:
    if not is_file:
        return await fetch_both(session, await session.client.get(id_), path, view)
    file, arrived = await fetch(session, await session.client.get_file(id_), path, view)
    return file, {"path": arrived}


@main.command()
@click.argument("type", required=False)
@click.option("--columns", "with_columns", is_flag=True, help="Of each collection, its columns too.")
@shared_options
@in_session
async def collections(session: Session, /, type: str | None, with_columns: bool) -> Exit:  # noqa: A002 - as above
    """List what can be exported; with a TYPE, that collection and its columns."""
    if type is not None:
        collection = await session.client.collection(type)
        session.output.result(collection, collection_facts(collection))
        return Exit.OK
    answer = await session.client.collections(with_columns=with_columns)
    session.output.each("collections", answer, map(collection_facts, answer))
    return Exit.OK
