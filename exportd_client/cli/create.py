"""exportctl create: ask for an export and, when told to, wait for it and bring its file."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import click

from exportd_client import Export
from exportd_client.cli.display import display
from exportd_client.cli.exits import Exit, exit_of_end
from exportd_client.cli.fetch import fetch
from exportd_client.cli.follow import follow
from exportd_client.cli.session import Session, in_session, shared_options
from exportd_client.cli.values import FORMATS, STDOUT, Destination, Label, Span, format_of_name
from exportd_client.cli.words import Fact, export_facts


@click.command()
@click.argument("uri", required=False)
@click.option("--type", help="Code of the collection, in place of URI.")
@click.option("--query", default="", help="Filter and order, with --type.")
@click.option("--format", type=click.Choice(FORMATS, case_sensitive=False), help="Default: as -o ends, else json.")
@click.option("--file-type", "file_types", multiple=True, metavar="NAME", help="Attachment to bundle; repeatable.")
@click.option("--label", "labels", type=Label(), multiple=True, help="Repeatable.")
@click.option("--ttl", type=Span(), help="How long the file stays, such as 12h; default 7d.")
@click.option("--max-attempts", type=int, default=0, help="1 to 10; default 3.")
@click.option("--filename", default="", help="Name that the file suggests for itself.")
@click.option("--request-id", help="The same one never makes a second export within 24 h.")
@click.option("--wait", is_flag=True, help="Return when the export is done.")
@click.option("-o", "path", type=Destination(), help="Wait, and bring the file here: a path, a directory or -.")
@shared_options
@in_session
async def create(session: Session, /, wait: bool, path: str | None, **asked: Any) -> Exit:
    r"""Ask for an export of URI, or of a --type with a --query.

    \b
    exportctl create "/entities/42/invoices?order[issuedAt]=desc" -o invoices.xlsx
    exportctl create --type Invoices --query entityId=42 --format csv --wait
    """
    started = time.monotonic()
    export = await _ask(session, path, asked)
    if not wait and path is None:
        session.output.result(export, export_facts(export))
        return Exit.OK
    return await _see_through(session, export, path, started)


async def _ask(session: Session, path: str | None, asked: dict[str, Any]) -> Export:
    asked["format"] = asked["format"] or format_of_name(path)
    asked["labels"] = dict(asked["labels"])
    asked["request_id"] = request_id = asked["request_id"] or uuid.uuid4().hex
    session.how_to_go_on = (
        f"the export may have been made: repeat the command with --request-id {request_id} to make no second one"
    )
    export = await session.client.create(**asked)
    session.how_to_go_on = ""
    return export


async def _see_through(session: Session, export: Export, path: str | None, started: float) -> Exit:
    if path == STDOUT:
        session.output.results_to_stderr()
    session.output.note(f"export {export.id}")
    where: dict[str, str] = {}
    with display(silent=session.output.as_json) as shown:
        export = await follow(session, export.id, shown.building)
        if path is not None and export.state == Export.COMPLETED:
            _, where["path"] = await fetch(session, export, path, shown)
    session.output.result(export, _summary(export, time.monotonic() - started), **where)
    return exit_of_end(export)


def _summary(export: Export, seconds: float) -> Iterator[Fact]:
    yield from export_facts(export)
    yield "seconds", f"{seconds:.1f}"
