"""exportctl create: ask for an export and, when told to, wait for it and bring its file."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import click

from exportd_client import Export
from exportd_client.cli.display import display
from exportd_client.cli.exits import Exit, exit_of_end
from exportd_client.cli.fetch import fetch_both
from exportd_client.cli.follow import follow
from exportd_client.cli.groups import GroupedCommand, options_of
from exportd_client.cli.password import password_options
from exportd_client.cli.session import Session, in_session, shared_options
from exportd_client.cli.table_options import table_arguments, table_options
from exportd_client.cli.values import STDOUT, Destination, Label, Moment, Span, compression_of_name, format_of_name
from exportd_client.cli.words import Fact, export_facts, validated_facts

_what, _life, _wait = map(options_of, ("What", "The export", "Waiting for it"))


@click.command(cls=GroupedCommand)
@click.argument("uri", required=False)
@_what("--type", help="Code of the collection, in place of URI.")
@_what("--query", default="", help="Filter and order, with --type.")
@_what("--lenient", is_flag=True, help="Drop what the query has wrong, with a warning each.")
@_what("--changed-since", type=Moment(), help="Rows changed at or after it, such as 2026-01-31T00:00:00Z.")
@_what("--since-export", default="", metavar="ID", help="Rows changed since that export of yours was built.")
@table_options
@password_options
@_life("--label", "labels", type=Label(), multiple=True, help="Repeatable.")
@_life("--ttl", type=Span(), help="How long the file stays, such as 12h; default 7d.")
@_life("--priority", type=int, default=0, help="0 to 9, higher first among your own; default 0.")
@_life("--notify-email", default="", metavar="ADDRESS", help="Where a mail says that it is done.")
@_life("--callback-url", default="", metavar="URL", help="Where a signed POST says that it is done.")
@_life("--max-attempts", type=int, default=0, help="1 to 10; default 3.")
@_life("--request-id", help="The same one never makes a second export within 24 h.")
@_life("--validate-only", is_flag=True, help="Make nothing; show the request as understood.")
@_wait("--wait", is_flag=True, help="Return when the export is done.")
@_wait("-o", "path", type=Destination(), help="Wait, and bring the file here: a path, a directory or -.")
@shared_options
@in_session
async def create(session: Session, /, wait: bool, path: str | None, **request: Any) -> Exit:
    """Ask for an export of URI, or of a --type with a --query.

    \b
    exportctl create "/entities/42/invoices?order[issuedAt]=desc" -o invoices.xlsx
    exportctl create --type Invoices --query entityId=42 --format csv --wait
    exportctl create /invoices --column id --column total=Total --csv-preset excel -o invoices.csv.gz
    exportctl create /invoices --file-type invoice.pdf --password -o invoices.zip --format xlsx
    """  # noqa: D301 - click wants the character itself
    started = time.monotonic()
    export = await _ask(session, path, request)
    if request["validate_only"]:
        session.output.result(export, validated_facts(export))
        return Exit.OK
    if not wait and path is None:
        session.output.result(export, export_facts(export))
        return Exit.OK
    return await _see_through(session, export, path, started)


async def _ask(session: Session, path: str | None, request: dict[str, Any]) -> Export:
    request = table_arguments(request)
    request["format"] = request["format"] or format_of_name(path)
    request["compression"] = request["compression"] or compression_of_name(path)
    request["labels"] = dict(request["labels"])
    request_id = request["request_id"] = request["request_id"] or ("" if request["validate_only"] else uuid.uuid4().hex)
    session.how_to_go_on = (
        f"the export may have been made: repeat the command with --request-id {request_id} to make no second one"
    )
    export = await session.client.create(**request)
    session.how_to_go_on = ""
    return export


async def _see_through(session: Session, export: Export, path: str | None, started: float) -> Exit:
    if path == STDOUT:
        session.output.results_to_stderr()
    session.output.note(f"export {export.id}")
    where: dict[str, str] = {}
    with display(silent=session.output.as_json) as view:
        export = await follow(session, export.id, view.building)
        if path is not None and export.state == Export.STATE_COMPLETED:
            _, where = await fetch_both(session, export, path, view)
    session.output.result(export, _summary(export, time.monotonic() - started), **where)
    return exit_of_end(export)


def _summary(export: Export, seconds: float) -> Iterator[Fact]:
    yield from export_facts(export)
    yield "seconds", f"{seconds:.1f}"
