"""exportctl usage: what a tenant uses of its quotas."""

import click
from rich.filesize import decimal

from exportd_client import QuotaUsage, name_of
from exportd_client.cli.exits import Exit
from exportd_client.cli.options import Text, shared_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.tables import Column

USAGE = (Column("QUOTA"), Column("USED", right=True), Column("LIMIT", right=True))


@click.command()
@click.option("--of", type=Text(), default=None, help="Another tenant, for operators with a key for all tenants.")
@shared_options
@in_session
async def usage(session: Session, /, of: str | None) -> Exit:
    """Show what your tenant uses of its quotas."""
    client = session.client
    used = await (client.usage() if of is None else client.operator.usage(of))
    if session.output.as_json:
        session.output.result(used, ())
    else:
        session.output.table("quotas", used.quotas, USAGE, map(_row, used.quotas))
    return Exit.OK


def _row(quota: QuotaUsage) -> tuple[str, ...]:
    counted = decimal if quota.quota == QuotaUsage.QUOTA_KEPT_BYTES else "{:,}".format
    limit = counted(quota.limit) if quota.limit else "any"
    return (name_of(QuotaUsage.Quota, quota.quota).lower().replace("_", " "), counted(quota.used), limit)
