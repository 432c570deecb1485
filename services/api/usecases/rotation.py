"""A rotation of the server's keys: what still needs an old key, and sealing that again with the new one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.api.ports.clock import Clock
from services.api.ports.sealed import InUse, SealedPassword, SealedStore
from services.api.secrets import page_tokens
from services.api.secrets.passwords import Passwords, PasswordUnreadable
from services.api.secrets.ring import KeyRing, KeyState, ServerKey
from services.api.secrets.sealing import MAGIC, key_of
from services.api.secrets.server_keys import ServerKeys

BATCH = 100
"""Most passwords that are sealed again in one transaction."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What needs a retired key: sealed passwords, digests of API keys, of requests and of links, and page tokens.

    `tokens_until` is when the last of these page tokens ends; None if all have ended. `tenants` have callbacks with
    secrets that are derived from the key.
    """

    key: ServerKey
    passwords: int = 0
    keys: int = 0
    requests: int = 0
    links: int = 0
    tokens_until: datetime | None = None
    tenants: tuple[str, ...] = ()

    @property
    def is_unused(self) -> bool:
        """Whether nothing needs the key, apart from receivers of callbacks."""
        return not (self.passwords or self.keys or self.requests or self.links or self.tokens_until)


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many passwords were sealed again, and how many could not be opened."""

    done: int = 0
    unreadable: int = 0


class Rotation:
    """Finds what needs the keys of a ring, and seals it again. `has_secret` says of a tenant that its own is set."""

    def __init__(self, store: SealedStore, keys: ServerKeys, clock: Clock, has_secret: Callable[[str], bool]) -> None:
        self._store = store
        self._keys = keys
        self._passwords = Passwords(keys)
        self._clock = clock
        self._has_secret = has_secret

    async def needs(self) -> list[Needs]:
        """Return what needs each retired key."""
        now = self._clock()
        in_use = await self._store.in_use(now)
        tenants = tuple(tenant for tenant in in_use.callbacks if not self._has_secret(tenant))
        retired = [key for key in self._keys.ring.keys if key.state is KeyState.RETIRED]
        return [_needs(key, in_use, now, tenants) for key in retired]

    async def reseal(self) -> Resealed:
        """Seal every password that has another key with the primary key, in batches.

        It can be repeated at any time, also after it was interrupted.
        """
        done, unreadable, after = 0, 0, ""
        while batch := await self._store.passwords(after, BATCH):
            changes, lost = self._changes(batch)
            done += await self._store.reseal(changes) if changes else 0
            unreadable, after = unreadable + lost, batch[-1].export_id
        return Resealed(done, unreadable)

    def _changes(self, batch: Sequence[SealedPassword]) -> tuple[list[tuple[SealedPassword, bytes]], int]:
        changes, lost = [], 0
        for each in batch:
            if key_of(each.sealed) == self._keys.primary.id:
                continue
            try:
                changes.append((each, self._passwords.resealed(each.sealed, each.export_id)))
            except PasswordUnreadable:
                lost += 1
        return changes, lost


def _needs(key: ServerKey, in_use: InUse, now: datetime, tenants: tuple[str, ...]) -> Needs:
    until = key.since + page_tokens.LASTS if key.since else None
    return Needs(
        key,
        passwords=in_use.passwords.get(MAGIC + key.mark if key.id else b"", 0),
        keys=in_use.keys.get(key.mark, 0),
        requests=in_use.requests.get(key.mark, 0),
        links=in_use.links.get(key.mark, 0),
        tokens_until=until if until and until > now else None,
        tenants=tenants,
    )


def removable(needs: Sequence[Needs], *, receivers_changed: bool) -> list[ServerKey]:
    """Return the retired keys that nothing needs. Receivers of callbacks need them unless they have been changed."""
    return [n.key for n in needs if n.is_unused and (receivers_changed or not n.tenants)]


def summary(ring: KeyRing) -> list[str]:
    """Return a line for each key of a ring, without the keys themselves."""
    return [f"{key.id or 'first':8}  {key.state.value:7}  {_since(key)}".rstrip() for key in ring.keys]


def _since(key: ServerKey) -> str:
    return f"since {key.since:%Y-%m-%d %H:%M} UTC" if key.since else ""
