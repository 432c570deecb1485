"""exportctl keys: API keys of callers and tokens of workers."""

from datetime import timedelta

import click

from exportd_client import CreateKeyResponse, Scope
from exportd_client.cli.exits import Exit
from exportd_client.cli.key_words import KEYS, key_facts, keys_row
from exportd_client.cli.options import shared_options
from exportd_client.cli.session import Session, in_session
from exportd_client.cli.values import KEY_ID, Span, Words
from exportd_client.enums import value_of

SCOPES = ("create", "read", "cancel", "operate", "keys")


@click.group()
@shared_options
def keys() -> None:
    """Create, list, rotate and revoke API keys and tokens of workers.

    Your own key needs the scope `keys`.
    """


@keys.command()
@click.option("--worker", is_flag=True, help="Create a token for workers instead of a key for callers.")
@click.option("--for-tenant", "tenant", default="", help="Tenant of the key; default: the tenant of your key.")
@click.option(
    "--scopes",
    type=Words(SCOPES),
    default=(),
    help="Some of create,read,cancel,operate,keys; default create,read,cancel.",
)
@click.option("--all-tenants", is_flag=True, help="The scopes operate and keys cover every tenant.")
@click.option(
    "--collections",
    type=Words(),
    default=(),
    help="For a caller: codes of the collections that it sees, such as Orders,Invoice*; default all.",
)
@click.option(
    "--sources", type=Words(), default=(), help="For a worker: ids of the sources that it may read; default all."
)
@click.option("--tenants", type=Words(), default=(), help="For a worker: tenants whose exports it builds; default all.")
@click.option("--label", default="", help="What the key is for.")
@click.option("--lasts", type=Span(), help="How long the key is valid, such as 90d; default: until it is revoked.")
@shared_options
@in_session
async def create(
    session: Session,
    /,
    *,
    worker: bool,
    tenant: str,
    scopes: tuple[str, ...],
    all_tenants: bool,
    collections: tuple[str, ...],
    sources: tuple[str, ...],
    tenants: tuple[str, ...],
    label: str,
    lasts: timedelta | None,
) -> Exit:
    """Create a key and show it, this once."""
    made = await session.client.keys.create(
        worker=worker,
        tenant=tenant,
        label=label,
        scopes=[value_of(Scope, scope.upper()) for scope in scopes],
        all_tenants=all_tenants,
        collections=collections,
        sources=sources,
        tenants=tenants,
        lasts=lasts,
    )
    return _shown(session, made)


@keys.command("list")
@shared_options
@in_session
async def list_(session: Session, /) -> Exit:
    """List keys, revoked and expired ones, too."""
    listed = [key async for key in session.client.keys.list()]
    session.output.table("keys", listed, KEYS, map(keys_row, listed))
    return Exit.OK


@keys.command()
@click.argument("id", type=KEY_ID)
@shared_options
@in_session
async def revoke(session: Session, /, id: str) -> Exit:  # noqa: A002 - the argument's name in the help
    """End the key ID within a second."""
    key = await session.client.keys.revoke(id)
    session.output.result(key, key_facts(key))
    return Exit.OK


@keys.command()
@click.argument("id", type=KEY_ID)
@click.option("--overlap", type=Span(), help="How long the old key stays valid, such as 2h; default 1d.")
@shared_options
@in_session
async def rotate(session: Session, /, id: str, overlap: timedelta | None) -> Exit:  # noqa: A002 - as above
    """Create a key that allows what the key ID allows, show it, this once, and end the old one."""
    return _shown(session, await session.client.keys.rotate(id, overlap=overlap))


def _shown(session: Session, made: CreateKeyResponse) -> Exit:
    """The text alone on stdout, so that it can go into a file."""
    if session.output.as_json:
        session.output.result(made, ())
    else:
        session.output.text(made.text)
        session.output.note(f"key {made.key.id} of {key_facts(made.key)[1][1]}; it is shown this once")
    return Exit.OK
