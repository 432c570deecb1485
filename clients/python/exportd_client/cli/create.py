"""exportctl create: create an export and, if requested, wait for it and download its file."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from exportd_client import Export
from exportd_client.cli.display import display
from exportd_client.cli.exits import Exit, exit_of_end
from exportd_client.cli.fetch import fetch_both
from exportd_client.cli.file_names import with_name
from exportd_client.cli.follow import follow
from exportd_client.cli.groups import GroupedCommand, options_of
from exportd_client.cli.ids import export_id_of
from exportd_client.cli.options import Text, shared_options
from exportd_client.cli.password import password_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.table_options import table_arguments, table_options
from exportd_client.cli.values import (
    COLLECTION_CODE,
    COLLECTION_URI,
    EXPORT_ID,
    STDOUT,
    Label,
    Moment,
    Span,
    attachments_path,
    destination_options,
)
from exportd_client.cli.words import Fact, export_facts, validated_facts

_what, _life, _wait = map(options_of, ("What to export", "The export", "Waiting and downloading"))


@click.command(cls=GroupedCommand)
@click.argument("uri", required=False, type=COLLECTION_URI)
@_what("--type", type=COLLECTION_CODE, help="Code of the collection, in place of URI.")
@_what("--query", default="", help="Filter and order; only with --type.")
@_what("--lenient", is_flag=True, help="Drop unknown and invalid query parameters, with a warning for each.")
@_what("--changed-since", type=Moment(), help="Only rows changed at or after this time, such as 2026-01-31T00:00:00Z.")
@_what("--since-export", type=EXPORT_ID, metavar="ID", help="Only rows changed since this earlier export.")
@table_options
@password_options
@_life("--label", "labels", type=Label(), multiple=True, help="Label of the export; repeatable.")
@_life("--ttl", type=Span(), help="How long the file can be downloaded, such as 12h; default 7d.")
@_life(
    "--priority",
    type=click.IntRange(0, 9),
    default=0,
    help="Order among your tenant's exports, higher first; default 0.",
)
@_life("--notify-email", type=Text(), metavar="ADDRESS", help="Address that gets a mail when the export is done.")
@_life("--callback-url", type=Text(), metavar="URL", help="URL that gets a signed POST when the export is done.")
@_life("--max-attempts", type=click.IntRange(1, 10), help="Maximum number of attempts; default 3.")
@_life("--request-id", type=Text(), help="Idempotency key: within 24 h the same id never creates a second export.")
@_life("--validate-only", is_flag=True, help="Check the request and show it as understood; create nothing.")
@_wait("--wait", is_flag=True, help="Wait until the export is done.")
@destination_options(_wait)
@shared_options
@in_session
async def create(session: Session, /, wait: bool, path: str | None, force: bool, direct: bool, **request: Any) -> Exit:
    """Create an export of URI, or of a --type with a --query.

    -o waits for the export and downloads its file. The ending of the name selects the format: .xlsx, .csv, .tsv, .json,
    .jsonl, .ndjson, .parquet; text formats also with .gz; .zip is a ZIP that holds the --format.

    \b
    exportctl create "/entities/42/invoices?order[issuedAt]=desc" -o invoices.xlsx
    exportctl create --type Invoices --query entityId=42 --format csv --wait
    exportctl create /invoices --column id --column total=Total --csv-preset excel -o invoices.csv.gz
    exportctl create /invoices --file-type invoice.pdf --password -o invoices.zip --format xlsx
    """  # noqa: D301 - click wants the character itself
    started = time.monotonic()
    export = await _ask(session, _checked(request, path, force=force))
    if request["validate_only"]:
        session.output.result(export, validated_facts(export))
        return Exit.OK
    if not wait and path is None:
        session.output.result(export, export_facts(export))
        return Exit.OK
    return await _see_through(session, export, path, started, force=force, direct=direct)


def _checked(request: dict[str, Any], path: str | None, *, force: bool) -> dict[str, Any]:
    """Return the request with the options that the name of the file implies. Raises UsageError, FileExistsError."""
    named = with_name(request, path)
    if path not in (None, STDOUT) and not force and named["packaging"] == "separate" and named["file_types"]:
        beside = Path(attachments_path(str(path)))
        if beside.is_file():
            raise click.UsageError(f"{beside} exists already; --force overwrites it")
    return named


async def _ask(session: Session, request: dict[str, Any]) -> Export:
    request = table_arguments(request)
    request["labels"] = dict(request["labels"])
    request["max_attempts"] = request["max_attempts"] or 0
    for name in ("notify_email", "callback_url", "filename"):
        request[name] = request[name] or ""
    request["since_export"] = await export_id_of(session, request["since_export"]) if request["since_export"] else ""
    request_id = request["request_id"] = request["request_id"] or ("" if request["validate_only"] else uuid.uuid4().hex)
    session.ways_on = (
        f"the export may exist already: repeat the command with --request-id {request_id} to avoid a second one",
    )
    export = await session.client.create(**request)
    session.ways_on = ()
    return export


async def _see_through(
    session: Session, export: Export, path: str | None, started: float, *, force: bool, direct: bool
) -> Exit:
    if path == STDOUT:
        session.output.results_to_stderr()
    session.output.note(f"export {export.id}")
    where: dict[str, str] = {}
    with display(silent=session.output.as_json) as view:
        export = await follow(session, export.id, view.building, path or "FILE")
        if path is not None and export.state == Export.STATE_COMPLETED:
            _, where = await fetch_both(session, export, path, view, force=force, direct=direct)
    session.output.result(export, _summary(export, time.monotonic() - started), **where)
    return exit_of_end(export)


def _summary(export: Export, seconds: float) -> Iterator[Fact]:
    yield from export_facts(export)
    yield "seconds", f"{seconds:.1f}"
