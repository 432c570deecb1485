"""The commands of operators: what is stuck, and moving it."""

import click

from exportd_client.cli.exits import Exit
from exportd_client.cli.password import password_options
from exportd_client.cli.session import Session, in_session, shared_options
from exportd_client.cli.words import (
    DELIVERIES_HEADER,
    QUEUE_HEADER,
    WORKERS_HEADER,
    deliveries_row,
    delivery_facts,
    export_facts,
    queue_row,
    worker_facts,
    workers_row,
)


@click.command()
@click.argument("id")
@click.option("--max-attempts", type=int, default=0, help="Of the new run, 1 to 10; default 3.")
@password_options
@shared_options
@in_session
async def retry(session: Session, /, id: str, max_attempts: int, password: str | None) -> Exit:  # noqa: A002 - in the help
    """Retry the export ID, which has permanently failed. An encrypted one needs its password again."""
    export = await session.client.operator.retry(id, max_attempts=max_attempts, password=password)
    session.output.result(export, export_facts(export))
    return Exit.OK


@click.command()
@click.argument("id")
@shared_options
@in_session
async def deliveries(session: Session, /, id: str) -> Exit:  # noqa: A002 - as above
    """List where the ends of the export ID were announced, and what came of it."""
    answer = await session.client.deliveries(id)
    session.output.table("deliveries", answer, DELIVERIES_HEADER, map(deliveries_row, answer))
    return Exit.OK


@click.command()
@click.argument("id")
@shared_options
@in_session
async def redeliver(session: Session, /, id: str) -> Exit:  # noqa: A002 - as above
    """Send the announcement ID (msg_…) again."""
    delivery = await session.client.operator.redeliver(id)
    session.output.result(delivery, delivery_facts(delivery))
    return Exit.OK


@click.command()
@shared_options
@in_session
async def queue(session: Session, /) -> Exit:
    """Count what is not done, by tenant."""
    depth = await session.client.operator.queue()
    if session.output.as_json:
        session.output.result(depth, ())
    else:
        session.output.table("tenants", depth.tenants, QUEUE_HEADER, map(queue_row, depth.tenants))
        session.output.note(f"the oldest waits {depth.oldest_age.ToTimedelta().total_seconds():,.1f} s")
    return Exit.OK


@click.command()
@shared_options
@in_session
async def workers(session: Session, /) -> Exit:
    """List the workers that were heard of within a minute."""
    answer = await session.client.operator.workers()
    session.output.table("workers", answer, WORKERS_HEADER, map(workers_row, answer))
    return Exit.OK


@click.command()
@click.argument("id")
@shared_options
@in_session
async def drain(session: Session, /, id: str) -> Exit:  # noqa: A002 - as above
    """Have the worker ID finish what it builds, take nothing new, and stop."""
    worker = await session.client.operator.drain(id)
    session.output.result(worker, worker_facts(worker))
    return Exit.OK


OPERATING = (retry, deliveries, redeliver, queue, workers, drain)
