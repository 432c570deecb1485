"""Creation, lookup, rotation and revocation of keys."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.api.domain.keys import CALLERS_SCOPES, Holder, Key, Scope, read
from services.api.ports.clock import Clock
from services.api.ports.keys import KeyStore
from services.api.secrets.keys import KeyDigests, new_text
from services.api.usecases.origin import ORIGIN
from services.contract.errors import KeyNotFound, ScopeMissing, StoreUnavailable

LOOKED_UP_FOR_S = 1.0
"""How long a process relies on a key that it has read. A revocation reaches every process within this time."""

MAX_LOOKED_UP = 10_000
"""Most keys that a process caches."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """The fields of a key that is to be created; see Key. `lasts` is the time until it expires; None: never."""

    holder: Holder
    tenant: str = ""
    label: str = ""
    scopes: frozenset[Scope] = CALLERS_SCOPES
    all_tenants: bool = False
    sources: frozenset[str] = frozenset()
    lasts: timedelta | None = None
    collections: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()


class Keys:
    """Creates, lists, rotates and revokes keys."""

    def __init__(self, store: KeyStore, digests: KeyDigests, clock: Clock) -> None:
        self._store = store
        self._digests = digests
        self._clock = clock

    async def create(self, wanted: NewKey, by: Key | None = None) -> tuple[Key, str]:
        """Create a key. Return it with its text, which cannot be shown again.

        `by` is the caller's own key; None if the caller has direct access to the store. The new key ends with `by` at
        the latest. Raises ScopeMissing if it would allow more than `by`.
        """
        key, text = self._made(wanted, by, self._clock())
        await self._store.add(key, by=ORIGIN.get())
        return key, text

    async def page(self, tenant: str | None, after_id: str, limit: int) -> Sequence[Key]:
        """Return a page of keys; see `KeyStore.page`."""
        return await self._store.page(tenant, after_id, limit)

    async def revoke(self, key_id: str, tenant: str | None = None) -> Key:
        """Revoke a key and return it. Idempotent. Raises KeyNotFound."""
        key = await self._store.revoke(key_id, tenant, self._clock(), by=ORIGIN.get())
        if key is None:
            raise KeyNotFound(key_id)
        return key

    async def rotate(self, key_id: str, tenant: str | None, overlap: timedelta, by: Key | None) -> tuple[Key, str]:
        """Create a key that allows the same, and let the old one expire after `overlap`.

        Raises KeyNotFound, ScopeMissing.
        """
        old, now = await self._store.find(key_id), self._clock()
        if old is None or (tenant is not None and old.tenant != tenant) or not old.valid_at(now):
            raise KeyNotFound(key_id)
        lasts = None if old.expire_time is None else old.expire_time - old.create_time
        same = NewKey(
            holder=old.holder,
            tenant=old.tenant,
            label=old.label,
            scopes=old.scopes,
            all_tenants=old.all_tenants,
            sources=old.sources,
            lasts=lasts,
            collections=old.collections,
            tenants=old.tenants,
        )
        new, text = self._made(same, by, now, old.lineage)
        if not await self._store.replace(key_id, new, now + overlap, now, by=ORIGIN.get()):  # revoked meanwhile
            raise KeyNotFound(key_id)
        return new, text

    def _made(self, wanted: NewKey, by: Key | None, now: datetime, lineage: str = "") -> tuple[Key, str]:
        """Return a new key and its text, without storing it. Raises ScopeMissing."""
        _check_allowed(wanted, by)
        text = new_text(wanted.holder)
        ends = [] if wanted.lasts is None else [now + wanted.lasts]
        if by is not None and by.expire_time is not None:
            ends.append(by.expire_time)
        return replace(self._key(wanted, text, now), expire_time=min(ends, default=None), lineage=lineage), text

    def _key(self, wanted: NewKey, text: str, now: datetime) -> Key:
        _, id_ = read(text) or (wanted.holder, "")
        return Key(
            id=id_,
            holder=wanted.holder,
            tenant=wanted.tenant,
            label=wanted.label,
            digest=self._digests.of(text),
            scopes=wanted.scopes,
            all_tenants=wanted.all_tenants,
            sources=wanted.sources,
            create_time=now,
            collections=wanted.collections,
            tenants=wanted.tenants,
        )


def _check_allowed(wanted: NewKey, by: Key | None) -> None:
    """Raise ScopeMissing if the wanted key would allow more than the caller's own key `by`."""
    if by is None:
        return
    own = wanted.holder is Holder.CALLER and wanted.tenant == by.tenant and not wanted.all_tenants
    if not (own or by.all_tenants):
        raise ScopeMissing(f"{Scope.KEYS.value} for all tenants")
    if missing := wanted.scopes - by.scopes:
        raise ScopeMissing(", ".join(sorted(scope.value for scope in missing)))


class KnownKeys:
    """Looks keys up by their text, with a cache for thousands of calls a second."""

    def __init__(self, store: KeyStore, digests: KeyDigests, clock: Clock, monotonic: Callable[[], float]) -> None:
        """`monotonic` returns seconds and never goes back."""
        self._store = store
        self._digests = digests
        self._clock = clock
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, Key]] = {}
        self._any: dict[Holder, tuple[float, bool]] = {}

    async def find(self, holder: Holder, text: str) -> Key | None:
        """Return the valid key with this text; None for any other text.

        A text that has not the form of a key needs no lookup.
        """
        told = read(text)
        if told is None or told[0] is not holder:
            return None
        until, key = self._known.get(text, (float("-inf"), None))
        if key is None or self._monotonic() >= until:
            key = await self._looked_up(told[1], text)
        return key if key is not None and key.valid_at(self._clock()) else None

    async def is_valid(self, key_id: str) -> bool:
        """Whether the key with this id is valid, as it is in the store now. Raises StoreUnavailable."""
        key = await self._store.find(key_id)
        return key is not None and key.valid_at(self._clock())

    async def required(self, holder: Holder) -> bool:
        """Whether callers of this kind need a key: from the moment on when the first key of the kind exists."""
        until, any_ = self._any.get(holder, (float("-inf"), False))
        if not any_ and self._monotonic() >= until:
            any_ = await self._store.any(holder)
            self._any[holder] = (self._monotonic() + LOOKED_UP_FOR_S, any_)
        return any_

    async def _rekeyed(self, key: Key, text: str) -> None:
        """Store the digest with the primary key. A digest cannot be computed anew but from the text, which is here."""
        with suppress(StoreUnavailable):  # the next look-up tries again
            await self._store.redigest(key.id, key.digest, self._digests.of(text))

    async def _looked_up(self, key_id: str, text: str) -> Key | None:
        """Read a key from the store. Only correct texts are cached, so that wrong ones cannot fill the memory."""
        asked = self._monotonic()
        key = await self._store.find(key_id)
        if key is None or not self._digests.fits(key, text):
            self._known.pop(text, None)
            return None
        if self._digests.is_outdated(key):
            await self._rekeyed(key, text)
        if len(self._known) >= MAX_LOOKED_UP:
            self._known.clear()
        self._known[text] = (asked + LOOKED_UP_FOR_S, key)
        return key
