"""exportctl link: links with which people without credentials download a file."""

from collections.abc import Sequence
from datetime import timedelta

import click

from exportd_client import CreateDownloadLinkResponse, DownloadLink, IdMatch
from exportd_client.cli.exits import Exit
from exportd_client.cli.ids import export_id_of, export_or_file_of
from exportd_client.cli.options import shared_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.tables import Column
from exportd_client.cli.values import EXPORT_ID, EXPORT_OR_FILE_ID, Span
from exportd_client.cli.words import Fact, instant

LINKS = (Column("ID"), Column("FILE"), Column("USED", right=True), Column("STATE"), Column("LABEL", flexible=True))
MAX_USES = 1000


@click.group()
@shared_options
def link() -> None:
    """Create, list and revoke links with which people without credentials download a file.

    Whoever has a link can download its file. Your own key needs the scope `read`.
    """


@link.command()
@click.argument("id", type=EXPORT_OR_FILE_ID)
@click.option("--lasts", type=Span(), help="How long the link is valid, such as 2d; default: as long as possible.")
@click.option(
    "--uses",
    type=click.IntRange(0, MAX_USES),
    default=0,
    help="How often the link can be used; default 0: any number of times.",
)
@click.option("--label", default="", help="What the link is for.")
@shared_options
@in_session
async def create(
    session: Session,
    /,
    *,
    id: str,  # noqa: A002 - the argument's name in the help
    lasts: timedelta | None,
    uses: int,
    label: str,
) -> Exit:
    """Create a link to the file of the export ID, or to the file ID, and show it, this once."""
    of = await export_or_file_of(session, id, only_file=False)
    is_file = of.kind == IdMatch.KIND_FILE
    made = await session.client.links.create(
        "" if is_file else of.id, file_id=of.id if is_file else "", lasts=lasts, max_uses=uses, label=label
    )
    return _shown(session, made)


@link.command("list")
@click.argument("id", type=EXPORT_ID)
@shared_options
@in_session
async def list_(session: Session, /, id: str) -> Exit:  # noqa: A002 - as above
    """List the links of the export ID, also those that have ended."""
    export_id = await export_id_of(session, id)
    listed = [each async for each in session.client.links.list(export_id)]
    session.output.table("links", listed, LINKS, map(_row, listed))
    return Exit.OK


@link.command()
@click.argument("id")
@shared_options
@in_session
async def revoke(session: Session, /, id: str) -> Exit:  # noqa: A002 - as above
    """End the link ID within a second, and downloads with it."""
    revoked = await session.client.links.revoke(id)
    session.output.result(revoked, _facts(revoked))
    return Exit.OK


def _shown(session: Session, made: CreateDownloadLinkResponse) -> Exit:
    """The URL alone on stdout, or the token if the service does not know the address of its gateway."""
    if session.output.as_json:
        session.output.result(made, ())
        return Exit.OK
    session.output.text(made.url or made.token)
    until = f"until {instant(made.link.expire_time)}"
    session.output.note(f"link {made.link.id}, {_uses(made.link)}, {until}; it is shown this once")
    if not made.url:
        session.output.note("this is the token of the link: add it to the address of your gateway, as /links/TOKEN")
    return Exit.OK


def _row(of: DownloadLink) -> tuple[str, ...]:
    return (of.id, of.file_id, _used(of), _state(of), of.label or "-")


def _facts(of: DownloadLink) -> Sequence[Fact]:
    return [*zip((column.name.lower() for column in LINKS), _row(of), strict=True)]


def _used(of: DownloadLink) -> str:
    return f"{of.uses} of {of.max_uses}" if of.max_uses else str(of.uses)


def _uses(of: DownloadLink) -> str:
    if not of.max_uses:
        return "for any number of uses"
    return "for one use" if of.max_uses == 1 else f"for {of.max_uses} uses"


def _state(of: DownloadLink) -> str:
    if of.HasField("revoke_time"):
        return "revoked"
    if 0 < of.max_uses <= of.uses:
        return "used up"
    return f"until {instant(of.expire_time)}"
