"""exportctl collections: lists and describes the collections."""

from difflib import get_close_matches

import click

from exportd_client import NotFound
from exportd_client.cli.exits import Exit
from exportd_client.cli.lists import COLLECTIONS, collections_row
from exportd_client.cli.options import shared_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.values import COLLECTION_CODE
from exportd_client.cli.words import collection_facts


@click.command()
@click.argument("name", type=COLLECTION_CODE, required=False)
@click.option(
    "--columns", "with_columns", is_flag=True, help="With --output json: list the columns of each collection, too."
)
@shared_options
@in_session
async def collections(session: Session, /, name: str | None, with_columns: bool) -> Exit:
    """List what can be exported, or describe the collection NAME.

    NAME is its code or its path. The description lists columns, filters, formats and attachments.
    """
    if name is None:
        offered = await session.client.collections(with_columns=with_columns)
        session.output.table("collections", offered, COLLECTIONS, map(collections_row, offered))
    else:
        collection = await session.client.collection(await _type_of(session, name))
        session.output.result(collection, collection_facts(collection))
    return Exit.OK


async def _type_of(session: Session, name: str) -> str:
    """Return the type of the collection with this type or path; case does not matter.

    Raises NotFound, with the nearest name.
    """
    offered = await session.client.collections()
    types = {key.lower(): each.type for each in reversed(offered) for key in (each.path, each.type)}
    if name.lower() not in types:
        nearest = get_close_matches(name.lower(), types, 1)
        hint = f"; the nearest is {types[nearest[0]]!r}" if nearest else ""
        raise NotFound(f"there is no collection {name!r}{hint}; exportctl collections lists them")
    return types[name.lower()]
