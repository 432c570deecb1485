"""Every store goes through the whole suite of its ports."""

import pytest

from services.api.domain.fairness import Fairness
from services.api.domain.leases import LeasePolicy
from tests.ports.rigs import RIGS


@pytest.fixture
def fairness() -> Fairness:
    """All tenants alike; a test that wants shares parametrises this."""
    return Fairness()


@pytest.fixture(params=sorted(RIGS))
async def store(request, tmp_path, fairness):
    rig = await RIGS[request.param](tmp_path)
    yield rig.store(LeasePolicy(), fairness)
    await rig.close()


@pytest.fixture
def outbox(store):
    return store.outbox
