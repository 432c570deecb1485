"""Watches one export until it is done."""

from collections.abc import Callable
from contextlib import aclosing

from exportd_client import Export
from exportd_client.cli.session import Session


async def follow(session: Session, export_id: str, each: Callable[[Export], None], path: str = "FILE") -> Export:
    """Call `each` with every state of the export. Return the final one.

    `path` is the path of the download in the suggested commands, for a user who stops this command and continues later.
    """
    session.export_id = export_id
    session.ways_on = (
        f"export {export_id} continues; you can",
        f"  follow it:     {session.command('watch', export_id)}",
        f"  inspect it:    {session.command('get', export_id)}",
        f"  download it:   {session.command('download', export_id, '-o', path)}",
        f"  cancel it:     {session.command('cancel', export_id)}",
    )
    async with aclosing(session.client.watch(export_id)) as exports:
        async for export in exports:
            each(export)
    session.ways_on = ()
    return export
