"""Stores with a defect, to see that it is found: each a wrapper that speaks the ports, over any store."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.api.domain.export import Export
from services.api.domain.fairness import Fairness, Share
from services.api.domain.leases import UNLIMITED, Ability, Claimed, LeasePolicy
from services.api.domain.notifications import Held
from services.api.domain.retry import GiveUp
from services.api.ports.store import Store
from services.contract.job import LeaseRef

Make = Callable[[LeasePolicy, Fairness], Store]
Defect = Callable[[Make, LeasePolicy, Fairness], Store]
"""Makes a store, and gets one thing about it wrong."""


def sound(make: Make, policy: LeasePolicy, fairness: Fairness) -> Store:
    """Without a defect."""
    return make(policy, fairness)


class _Wrapper:
    """A port with all of its verbs, but for those that a subclass has itself."""

    def __init__(self, store: Store, port: Any) -> None:
        self._store = store
        self._port = port

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._port, verb)


class _Unfenced(_Wrapper):
    """Takes any lease for the last one of its export, in some verbs."""

    def __init__(self, store: Store, port: Any, verbs: Sequence[str]) -> None:
        super().__init__(store, port)
        self._verbs = verbs
        self._last: dict[str, LeaseRef] = {}

    async def claim(self, *asked: Any) -> list[Claimed]:
        claimed: list[Claimed] = await self._port.claim(*asked)
        self._last |= {one.export.id: one.ref for one in claimed}
        return claimed

    async def complete(self, lease: LeaseRef, *told: Any) -> Export | None:
        return await self._port.complete(self._in_place_of(lease, "complete"), *told)

    async def fail(self, lease: LeaseRef, *told: Any) -> Export | None:
        return await self._port.fail(self._in_place_of(lease, "fail"), *told)

    async def release(self, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        return await self._port.release([self._in_place_of(lease, "release") for lease in leases], now)

    def _in_place_of(self, lease: LeaseRef, verb: str) -> LeaseRef:
        return self._last.get(lease.export_id, lease) if verb in self._verbs else lease


class _Forgetful(_Wrapper):
    """Knows no poll again."""

    async def claim(self, worker_id: str, poll_id: str, *asked: Any) -> list[Claimed]:
        return await self._port.claim(worker_id, f"{poll_id}-{next(_NUMBERS)}", *asked)


class _Credulous(_Wrapper):
    """Hands out what a worker cannot do."""

    async def claim(self, worker_id: str, poll_id: str, limit: int, now: datetime, *_: Any) -> list[Claimed]:
        return await self._port.claim(worker_id, poll_id, limit, now)


class _Insistent(_Wrapper):
    """Hands an export back to the worker that could not build it, though another could."""

    async def claim(
        self, worker_id: str, poll_id: str, limit: int, now: datetime, ability: Ability = UNLIMITED
    ) -> list[Claimed]:
        return await self._port.claim(worker_id, poll_id, limit, now, Ability(ability.own))


class _Silent(_Wrapper):
    """Gives announcements of what failed permanently up by itself."""

    async def fail(self, lease: LeaseRef, failure: Any, fate: Any, now: datetime) -> Export | None:
        failed = await self._port.fail(lease, failure, fate, now)
        if failed and isinstance(fate, GiveUp):
            for held in await self._store.outbox.hold(100, now + timedelta(minutes=1), now):
                await self._store.outbox.give_up(held, "said", now)
        return failed


class _AnyHold(_Wrapper):
    """Takes any hold for the last one of its delivery."""

    def __init__(self, store: Store, port: Any) -> None:
        super().__init__(store, port)
        self._last: dict[str, Held] = {}

    async def hold(self, *asked: Any) -> list[Held]:
        taken: list[Held] = await self._port.hold(*asked)
        self._last |= {held.delivery.id: held for held in taken}
        return taken

    async def sent(self, held: Held, *told: Any) -> bool:
        return await self._port.sent(self._last.get(held.delivery.id, held), *told)

    async def give_up(self, held: Held, *told: Any) -> bool:
        return await self._port.give_up(self._last.get(held.delivery.id, held), *told)


_NUMBERS = itertools.count(1)


def _unfenced(*verbs: str) -> Defect:
    def defect(make: Make, policy: LeasePolicy, fairness: Fairness) -> Store:
        store = make(policy, fairness)
        return replace(store, leases=_Unfenced(store, store.leases, verbs))

    return defect


def _with_leases(wrapper: type[_Wrapper]) -> Defect:
    def defect(make: Make, policy: LeasePolicy, fairness: Fairness) -> Store:
        store = make(policy, fairness)
        return replace(store, leases=wrapper(store, store.leases))

    return defect


def _any_hold(make: Make, policy: LeasePolicy, fairness: Fairness) -> Store:
    store = make(policy, fairness)
    return replace(store, outbox=_AnyHold(store, store.outbox))


def _uncapped(make: Make, policy: LeasePolicy, fairness: Fairness) -> Store:
    weights = {tenant: Share(weight=share.weight) for tenant, share in fairness.shares.items()}
    return make(policy, Fairness(Share(weight=fairness.default.weight), weights))


class _Leaking(Fairness):
    """Counts what a tenant runs, and takes one that had as many as it may for one that runs them still."""

    @property
    def caps(self) -> bool:
        return True

    def capped(self, tenant: str, running: int) -> bool:
        full: set[str] = self.__dict__.setdefault("full", set())
        if super().capped(tenant, running):
            full.add(tenant)
        return tenant in full


def _leaves_the_line(make: Make, policy: LeasePolicy, fairness: Fairness) -> Store:
    return make(policy, _Leaking(fairness.default, fairness.shares))


def _stands_still(make: Make, policy: LeasePolicy, fairness: Fairness) -> Store:
    """A turn so short that it moves the virtual time by nothing."""
    shares = {tenant: replace(share, weight=1e12) for tenant, share in fairness.shares.items()}
    return make(policy, replace(fairness, shares=shares))


def _too_patient(make: Make, policy: LeasePolicy, fairness: Fairness) -> Store:
    return make(replace(policy, given_back_limit=policy.given_back_limit + 1), fairness)


def _short_window(make: Make, policy: LeasePolicy, fairness: Fairness) -> Store:
    return make(replace(policy, confirm_window=policy.confirm_window - timedelta(seconds=1)), fairness)


PLANTED: dict[str, Defect] = {
    "complete without its fence": _unfenced("complete"),
    "fail without its fence": _unfenced("fail"),
    "release without its fence": _unfenced("release"),
    "a poll that is not known again": _with_leases(_Forgetful),
    "an announcement that is dropped": _with_leases(_Silent),
    "a cap that is not heeded": _uncapped,
    "a tenant that leaves the line although work waits": _leaves_the_line,
    "a virtual time that is not moved": _stands_still,
    "a late word on a delivery": _any_hold,
    "a worker that gets what it cannot do": _with_leases(_Credulous),
    "a worker that gets again what it gave back": _with_leases(_Insistent),
    "an attempt that is given back too often": _too_patient,
    "a window that closes too early": _short_window,
}
