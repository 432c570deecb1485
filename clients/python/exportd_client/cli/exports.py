"""exportctl get, list, watch, cancel, delete."""

from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, get_args

import click
from google.protobuf.empty_pb2 import Empty

from exportd_client import Export, StateName
from exportd_client.cli.display import Display, display
from exportd_client.cli.exits import Exit, exit_of_end
from exportd_client.cli.follow import follow
from exportd_client.cli.ids import export_id_of
from exportd_client.cli.lists import HISTORY, LIST, WIDE_LIST, history_row, list_row, remark_of, wide_row
from exportd_client.cli.options import shared_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.values import COLLECTION_CODE, EXPORT_ID, Label, Moment
from exportd_client.cli.words import export_facts


@click.command()
@click.argument("id", type=EXPORT_ID)
@click.option("--history", is_flag=True, help="Show every state change: time, actor and reason.")
@shared_options
@in_session
async def get(session: Session, /, id: str, history: bool) -> Exit:  # noqa: A002 - the argument's name in the help
    """Show the export ID, or with --history what happened to it."""
    export_id = await export_id_of(session, id)
    if history:
        transitions = await session.client.transitions(export_id)
        session.output.table("transitions", transitions, HISTORY, map(history_row, transitions))
        return Exit.OK
    export = await session.client.get(export_id)
    session.output.result(export, export_facts(export))
    return Exit.OK


@click.command("list")
@click.option(
    "--state",
    "states",
    type=click.Choice(get_args(StateName), case_sensitive=False),
    multiple=True,
    help="Only exports in this state; repeatable.",
)
@click.option("--type", type=COLLECTION_CODE, help="Only exports of the collection with this code.")
@click.option("--label", "labels", type=Label(), multiple=True, help="Only exports with this label; repeatable.")
@click.option(
    "--created-after", type=Moment(), help="Only exports created at or after this time, such as 2026-01-31T00:00:00Z."
)
@click.option("--created-before", type=Moment(), help="Only exports created before this time.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Maximum number of exports.")
@click.option("--wide", is_flag=True, help="Show format, creation time, URI and notes, too.")
@shared_options
@in_session
async def list_(
    session: Session,
    /,
    type: str | None,  # noqa: A002 - the API's word
    labels: tuple[tuple[str, str], ...],
    limit: int,
    wide: bool,
    **filters: Any,
) -> Exit:
    """List exports, newest first."""
    listed = session.client.list(**filters, type=type or "", labels=dict(labels), page_size=limit + 1)
    exports: list[Export] = []
    async with aclosing(listed):
        async for export in listed:
            exports.append(export)
            if len(exports) > limit:
                break
    if len(exports) > limit:
        exports.pop()
        session.output.note(f"there are more: these are the newest {limit:,}, --limit shows more")
    _print(session, exports, wide=wide)
    return Exit.OK


def _print(session: Session, exports: list[Export], *, wide: bool) -> None:
    if wide:
        session.output.table("exports", exports, WIDE_LIST, map(wide_row, exports))
        return
    now = datetime.now(UTC)
    rows = (list_row(export, now) for export in exports)
    session.output.table("exports", exports, LIST, rows, [remark_of(export) for export in exports])


@click.command()
@click.argument("id", type=EXPORT_ID)
@shared_options
@in_session
async def watch(session: Session, /, id: str) -> Exit:  # noqa: A002 - the argument's name in the help
    """Follow the export ID until it is done; with --output json one line per change."""
    export_id = await export_id_of(session, id)
    with display(silent=session.output.as_json) as view:
        export = await follow(session, export_id, lambda export: _show_change(session, view, export))
    session.output.facts(export_facts(export))
    return exit_of_end(export)


def _show_change(session: Session, view: Display, export: Export) -> None:
    if session.output.as_json:
        session.output.result(export, ())
    else:
        view.building(export)


@click.command()
@click.argument("id", type=EXPORT_ID)
@click.option("--only-if-queued", is_flag=True, help="Refuse if a worker has already started the export.")
@shared_options
@in_session
async def cancel(session: Session, /, id: str, only_if_queued: bool) -> Exit:  # noqa: A002 - as above
    """Cancel the export ID; it will have no file."""
    export = await session.client.cancel(await export_id_of(session, id), only_if_queued=only_if_queued)
    session.output.result(export, export_facts(export))
    return Exit.OK


@click.command()
@click.argument("id", type=EXPORT_ID)
@shared_options
@in_session
async def delete(session: Session, /, id: str) -> Exit:  # noqa: A002 - as above
    """Delete the export ID, which must be done, and its file."""
    export_id = await export_id_of(session, id)
    await session.client.delete(export_id)
    session.output.result(Empty(), [("deleted", export_id)])
    return Exit.OK
