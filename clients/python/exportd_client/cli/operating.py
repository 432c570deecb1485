"""The commands of operators: queue, workers, retries, notifications."""

import click

from exportd_client.cli.exits import Exit
from exportd_client.cli.ids import delivery_id_of, export_id_of, worker_id_of
from exportd_client.cli.lists import (
    DELIVERIES,
    QUEUE,
    WORKERS,
    deliveries_row,
    problems_of,
    queue_row,
    worker_facts,
    workers_row,
)
from exportd_client.cli.options import shared_options
from exportd_client.cli.password import password_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.values import DELIVERY_ID, EXPORT_ID, WORKER_ID
from exportd_client.cli.words import delivery_facts, export_facts


@click.command()
@click.argument("id", type=EXPORT_ID)
@click.option("--max-attempts", type=click.IntRange(1, 10), help="Attempts of the new run; default 3.")
@password_options
@shared_options
@in_session
async def retry(
    session: Session,
    /,
    id: str,  # noqa: A002 - the argument's name in the help
    max_attempts: int | None,
    password: str | None,
) -> Exit:
    """Retry an export that has permanently failed. An encrypted export needs its password again."""
    export_id = await export_id_of(session, id)
    export = await session.client.operator.retry(export_id, max_attempts=max_attempts or 0, password=password)
    session.output.result(export, export_facts(export))
    return Exit.OK


@click.command()
@click.argument("id", type=EXPORT_ID)
@shared_options
@in_session
async def deliveries(session: Session, /, id: str) -> Exit:  # noqa: A002 - as above
    """List the notifications of the export ID and their outcomes."""
    answer = await session.client.deliveries(await export_id_of(session, id))
    session.output.table("deliveries", answer, DELIVERIES, map(deliveries_row, answer))
    return Exit.OK


@click.command()
@click.argument("id", type=DELIVERY_ID)
@shared_options
@in_session
async def redeliver(session: Session, /, id: str) -> Exit:  # noqa: A002 - as above
    """Resend the notification ID (msg_…)."""
    delivery = await session.client.operator.redeliver(await delivery_id_of(session, id))
    session.output.result(delivery, delivery_facts(delivery))
    return Exit.OK


@click.command()
@shared_options
@in_session
async def queue(session: Session, /) -> Exit:
    """Show unfinished exports per tenant."""
    depth = await session.client.operator.queue()
    if session.output.as_json:
        session.output.result(depth, ())
    else:
        session.output.table("tenants", depth.tenants, QUEUE, map(queue_row, depth.tenants))
        session.output.note(f"longest wait: {depth.oldest_age.ToTimedelta().total_seconds():,.1f} s")
    return Exit.OK


@click.command()
@shared_options
@in_session
async def workers(session: Session, /) -> Exit:
    """List the workers that have reported within the last minute."""
    answer = await session.client.operator.workers()
    problems = [problems_of(worker) for worker in answer]
    session.output.table("workers", answer, WORKERS, map(workers_row, answer), problems)
    return Exit.OK


@click.command()
@click.argument("id", type=WORKER_ID)
@shared_options
@in_session
async def drain(session: Session, /, id: str) -> Exit:  # noqa: A002 - as above
    """Drain the worker ID: it finishes its current exports, takes no new ones and stops."""
    worker = await session.client.operator.drain(await worker_id_of(session, id))
    session.output.result(worker, worker_facts(worker))
    return Exit.OK
