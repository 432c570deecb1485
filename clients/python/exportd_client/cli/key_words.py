"""What people read of keys. Pure."""

from collections.abc import Sequence

from exportd_client import Key, KeyHolder, Scope, name_of
from exportd_client.cli.tables import Column
from exportd_client.cli.words import Fact, instant

KEYS = (
    Column("ID"),
    Column("HOLDER", flexible=True),
    Column("ALLOWS", flexible=True),
    Column("STATE"),
    Column("LABEL", flexible=True),
)


def keys_row(key: Key) -> tuple[str, ...]:
    """A key in a line, as KEYS says."""
    return (key.id, _holder(key), _allowed(key), _state(key), key.label or "-")


def key_facts(key: Key) -> Sequence[Fact]:
    """A key."""
    return [*zip((column.name.lower() for column in KEYS), keys_row(key), strict=True)]


def _holder(key: Key) -> str:
    if key.holder == KeyHolder.KEY_HOLDER_WORKER:
        return "a worker"
    return f"tenant {key.tenant}" + (", for all tenants" if key.all_tenants else "")


def _allowed(key: Key) -> str:
    """Scopes and what they are limited to."""
    parts = [",".join(name_of(Scope, scope).lower() for scope in key.scopes)]
    for name, limits in (("collections", key.collections), ("sources", key.sources), ("tenants", key.tenants)):
        parts += [f"{name} {','.join(limits)}"] if limits else []
    return "; ".join(filter(None, parts)) or "-"


def _state(key: Key) -> str:
    if key.HasField("revoke_time"):
        return "revoked"
    return f"until {instant(key.expire_time)}" if key.HasField("expire_time") else "valid"
