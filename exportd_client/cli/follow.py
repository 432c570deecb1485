"""Watching one export until it is done."""

from collections.abc import Callable
from contextlib import aclosing

from exportd_client import Export
from exportd_client.cli.session import Session


async def follow(session: Session, export_id: str, each: Callable[[Export], None]) -> Export:
    """Gives every state of the export to `each`; returns the one in which it is done."""
    session.export_id = export_id
    session.how_to_go_on = f"export {export_id} goes on; follow it with: {session.command('watch', export_id)}"
    async with aclosing(session.client.watch(export_id)) as exports:
        async for export in exports:
            each(export)
    session.how_to_go_on = ""
    return export
