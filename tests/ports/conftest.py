"""Every store goes through the whole suite of its ports."""

import pytest

from services.api.domain.fairness import Fairness
from services.api.domain.leases import LeasePolicy
from tests.ports.rigs import RIGS
from tests.tiers import deep_but


@pytest.fixture
def fairness() -> Fairness:
    """All tenants alike; a test that wants shares parametrises this."""
    return Fairness()


@pytest.fixture(scope="session")
async def rigs(tmp_path_factory):
    """By kind, opened when the first test asks for it: what a database has learned of the statements stays with it."""
    opened = {}

    async def empty(kind):
        if kind not in opened:
            opened[kind] = await RIGS[kind](tmp_path_factory.mktemp(kind))
        await opened[kind].empty()
        return opened[kind]

    yield empty
    for rig in opened.values():
        await rig.close()


@pytest.fixture(params=deep_but(sorted(RIGS), "postgres", "sqlite"))
async def store_rig(request, rigs):
    """An empty one."""
    return await rigs(request.param)


@pytest.fixture
def store(store_rig, fairness):
    return store_rig.store(LeasePolicy(), fairness)


@pytest.fixture
def outbox(store):
    return store.outbox
