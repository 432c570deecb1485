"""The store of keys in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.api.domain.audit import NOBODY, Action, Origin, of_key, of_new_key
from services.api.domain.keys import Holder, Key
from services.api.storage.memory.audit import append
from services.api.storage.memory.data import MemoryData


class MemoryKeyStore:
    """A KeyStore in memory."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data
        self._keys = data.keys

    async def add(self, key: Key, *, by: Origin = NOBODY) -> None:
        self._add(key)
        append(self._data, [of_new_key(key, by)])

    def _add(self, key: Key) -> None:
        if key.id in self._keys:
            raise ValueError(f"there is a key {key.id}")
        self._keys[key.id] = key

    async def find(self, key_id: str) -> Key | None:
        return self._keys.get(key_id)

    async def any(self, holder: Holder) -> bool:
        return any(key.holder is holder for key in self._keys.values())

    async def page(self, tenant: str | None, after_id: str, limit: int) -> Sequence[Key]:
        kept = (key for key in self._keys.values() if tenant is None or key.tenant == tenant)
        return sorted((key for key in kept if key.id > after_id), key=lambda key: key.id)[:limit]

    async def replace(self, old_id: str, new: Key, ends: datetime, now: datetime, *, by: Origin = NOBODY) -> bool:
        old = self._keys.get(old_id)
        if old is None or not old.valid_at(now):
            return False
        self._add(new)
        rotated = of_key(Action.KEY_ROTATED, old, by, now, new_key_id=new.id)
        append(self._data, [rotated, of_new_key(new, by, replaces=old_id)])
        self._keys[old_id] = replace(old, expire_time=min(old.expire_time or ends, ends))
        return True

    async def redigest(self, key_id: str, before: bytes, after: bytes) -> None:
        key = self._keys.get(key_id)
        if key is not None and key.digest == before:
            self._keys[key_id] = replace(key, digest=after)

    async def revoke(self, key_id: str, tenant: str | None, now: datetime, *, by: Origin = NOBODY) -> Key | None:
        key = self._keys.get(key_id)
        if key is None or (tenant is not None and key.tenant != tenant):
            return None
        if key.revoke_time is None:
            self._keys[key_id] = key = replace(key, revoke_time=now)
            append(self._data, [of_key(Action.KEY_REVOKED, key, by, now)])
        return key
