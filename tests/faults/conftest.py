"""What the other folders drive their parts with: an api and workers by hand, a rig, a house of processes, a store."""

from collections.abc import AsyncIterator

import pytest

from services.api.domain.fairness import Fairness
from services.api.settings import ApiSettings
from services.api.world import World
from tests.integration.api.conftest import Api, Clock, clock, leases, serving, settings, worker  # noqa: F401 - fixtures
from tests.integration.worker.conftest import rig  # noqa: F401 - a fixture
from tests.ports.conftest import rigs, store, store_rig  # noqa: F401 - fixtures


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:  # noqa: F811
    """An api whose leases expire when a test lets their time pass, and not because the machine is slow."""
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        await served.lives(clock, settings.leases.ttl)  # for so long after its start nothing expires
        yield served


@pytest.fixture
def fairness() -> Fairness:
    """All tenants alike."""
    return Fairness()
