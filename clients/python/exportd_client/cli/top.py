"""exportctl top: shows the queue, running exports and workers live."""

import asyncio
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from exportd_client.cli import streams
from exportd_client.cli.exits import Exit
from exportd_client.cli.options import shared_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.snapshot import Snapshot, look

SILENCE_S = 1.0
"""The screen reports a missing answer after this time."""


@click.command()
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(0.1, 3600),
    default=1.0,
    show_default=True,
    help="Seconds between updates.",
)
@shared_options
@in_session
async def top(session: Session, /, interval_s: float) -> Exit:
    """Show the queue, running exports and workers live.

    It covers all tenants. Press q or Ctrl-C to quit. Without a terminal, and with --output json, it prints one
    snapshot.
    """
    if session.output.as_json:
        streams.write_json((await look(session.client)).as_json())
    elif streams.is_terminal(sys.stdout):
        await _go_on(session, interval_s)
    else:
        for line in (await look(session.client)).lines():
            print(line)
    return Exit.OK


async def _go_on(session: Session, interval_s: float) -> None:
    with import_module("exportd_client.cli.screen").screen() as screen:  # its imports are needed on a terminal only
        left: asyncio.Event = screen.left
        last = Snapshot()
        while not left.is_set():
            looking = asyncio.create_task(look(session.client))
            while not await _within(looking, SILENCE_S):
                screen.show(last, f"no answer since {last.time:%H:%M:%SZ}")
                if left.is_set():
                    looking.cancel()
                    return
            last = looking.result()
            screen.show(last)
            with suppress(TimeoutError):
                async with asyncio.timeout(interval_s):
                    await left.wait()


async def _within(task: asyncio.Task[Any], seconds: float) -> bool:
    """Whether the task is done within `seconds`. If not, it continues."""
    done, _ = await asyncio.wait({task}, timeout=seconds)
    return bool(done)
