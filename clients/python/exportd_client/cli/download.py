"""exportctl download: downloads the file of an export, or a file by its own id."""

import click

from exportd_client import File
from exportd_client.cli.display import Display, display
from exportd_client.cli.exits import Exit
from exportd_client.cli.fetch import fetch, fetch_both
from exportd_client.cli.ids import FILE, export_or_file_of
from exportd_client.cli.options import shared_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.values import EXPORT_OR_FILE_ID, STDOUT, destination_options
from exportd_client.cli.words import file_facts

HERE = "."


@click.command()
@click.argument("id", type=EXPORT_OR_FILE_ID)
@destination_options(click.option)
@click.option("--file", "only_file", is_flag=True, help="ID is that of a file, not of an export.")
@shared_options
@in_session
async def download(
    session: Session,
    /,
    id: str,  # noqa: A002 - the argument's name in the help
    path: str | None,
    *,
    force: bool,
    direct: bool,
    only_file: bool,
) -> Exit:
    """Download and verify an export's file; ID is that of the export or of the file.

    Attachments in a separate file are downloaded too. Without -o the file gets the name that the service suggests,
    in the current directory. Repeat an interrupted download to resume it.
    """
    path = path or HERE
    if path == STDOUT:
        session.output.results_to_stderr()
    with display(silent=session.output.as_json) as view:
        file, where = await _bring(session, id, path, view, only_file=only_file, force=force, direct=direct)
    session.output.result(file, file_facts(file), **where)
    return Exit.OK


async def _bring(
    session: Session, text: str, path: str, view: Display, *, only_file: bool, force: bool, direct: bool
) -> tuple[File, dict[str, str]]:
    match = await export_or_file_of(session, text, only_file=only_file)
    if match.kind != FILE:
        return await fetch_both(session, await session.client.get(match.id), path, view, force=force, direct=direct)
    file, arrived = await fetch(
        session, await session.client.get_file(match.id), path, view, force=force, direct=direct
    )
    return file, {"path": arrived}
