"""exportctl audit: who did what, and when."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from exportd_client import AuditEntry, name_of
from exportd_client.cli.exits import Exit
from exportd_client.cli.ids import export_id_of
from exportd_client.cli.options import Text, shared_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.streams import printable
from exportd_client.cli.tables import Column
from exportd_client.cli.values import EXPORT_ID, Ago, Moment
from exportd_client.cli.words import instant
from exportd_client.enums import names_of

AUDIT = (
    Column("TIME"),
    Column("ACTION"),
    Column("TENANT"),
    Column("RESOURCE"),
    Column("BY", flexible=True),
    Column("BYTES", right=True),
    Column("DETAILS", flexible=True),
)
WIDE = (*AUDIT, Column("PEER"), Column("REQUEST ID"))

LOOK_EACH_S = 2.0
"""How often --follow looks."""

OVERLAP = timedelta(seconds=30)
"""How far back --follow looks each time: a transaction may commit after one with a later entry."""

Listing = Callable[..., AsyncGenerator[AuditEntry]]


@click.command()
@click.option("--since", type=Ago(), help="Only entries from this time on, such as 2026-01-31, or from 7d ago.")
@click.option("--until", type=Moment(), help="Only entries before this time.")
@click.option(
    "--action",
    "actions",
    type=click.Choice([*names_of(AuditEntry.Action)], case_sensitive=False),
    multiple=True,
    help="Only this action; repeatable.",
)
@click.option("--export", "export", type=EXPORT_ID, help="Only entries about this export.")
@click.option("--resource", type=Text(), help="Only entries about the export, the key or the worker with this id.")
@click.option("--by", type=Text(), help="Only what this key did, or what another principal did, such as local:root.")
@click.option("--of", type=Text(), help="Only this tenant, for operators with a key for all tenants.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Maximum number of entries.")
@click.option("--wide", is_flag=True, help="Show the address of the caller and the request id, too.")
@click.option("--follow", is_flag=True, help="Show the oldest first, then go on with new ones until interrupted.")
@shared_options
@in_session
async def audit(
    session: Session,
    /,
    *,
    since: datetime | None,
    until: datetime | None,
    actions: tuple[str, ...],
    export: str | None,
    resource: str | None,
    by: str | None,
    of: str | None,
    limit: int,
    wide: bool,
    follow: bool,
) -> Exit:
    """Show the audit trail, newest first: who did what, and when."""
    if export and resource:
        raise click.UsageError("--export and --resource exclude each other")
    conditions: dict[str, Any] = {
        "actions": actions,
        "resource_id": await export_id_of(session, export) if export else resource or "",
        "principal": _principal(by) if by else "",
        "tenant": of or "",
        "created_before": until,
    }
    entries, more = await _newest(session.client.operator.audit(**conditions, created_after=since), limit)
    if more:
        session.output.note(f"there are more: these are the newest {limit:,}, --limit shows more")
    if follow:
        await _follow(session, conditions, entries, wide=wide)
    _show(session, entries, wide=wide)
    return Exit.OK


async def _newest(listed: AsyncGenerator[AuditEntry], limit: int) -> tuple[list[AuditEntry], bool]:
    """Return the first entries, and whether there are more."""
    entries: list[AuditEntry] = []
    async with aclosing(listed):
        async for entry in listed:
            if len(entries) == limit:
                return entries, True
            entries.append(entry)
    return entries, False


async def _follow(session: Session, conditions: dict[str, Any], entries: list[AuditEntry], *, wide: bool) -> None:
    """Show the entries and all that come, until interrupted."""
    shown: set[int] = set()
    while True:
        for entry in reversed(entries):
            if entry.id not in shown:
                _line(session, entry, wide=wide)
        shown |= {entry.id for entry in entries}
        since = entries[0].create_time.ToDatetime(tzinfo=UTC) - OVERLAP if entries else None
        await asyncio.sleep(LOOK_EACH_S)  # between two looks
        entries = [each async for each in session.client.operator.audit(**conditions, created_after=since)] or entries
        shown &= {entry.id for entry in entries}


def _line(session: Session, entry: AuditEntry, *, wide: bool) -> None:
    if session.output.as_json:
        session.output.result(entry, ())
    else:
        session.output.text("  ".join(map(printable, _row(entry, wide=wide))))


def _show(session: Session, entries: list[AuditEntry], *, wide: bool) -> None:
    """With JSON, a line for each entry."""
    if session.output.as_json:
        for entry in entries:
            session.output.result(entry, ())
    else:
        columns = WIDE if wide else AUDIT
        session.output.table("entries", entries, columns, (_row(entry, wide=wide) for entry in entries))


def _row(entry: AuditEntry, *, wide: bool) -> tuple[str, ...]:
    details = ", ".join(f"{name}={text}" for name, text in sorted(entry.details.items()))
    row = (
        instant(entry.create_time),
        name_of(AuditEntry.Action, entry.action),
        entry.tenant or "-",
        entry.resource_id or "-",
        entry.principal or "-",
        f"{entry.sent_bytes:,}" if entry.HasField("sent_bytes") else "-",
        details or "-",
    )
    return (*row, entry.peer or "-", entry.request_id or "-") if wide else row


def _principal(by: str) -> str:
    """A bare id is that of a key."""
    return by if ":" in by or by == "anonymous" else f"key:{by}"
