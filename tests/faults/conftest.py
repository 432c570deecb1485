"""What the other folders drive their parts with: an api and workers by hand, a rig, a house of processes, a store."""

from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from services.api.background import reaper
from services.api.domain.fairness import Fairness
from services.api.settings import ApiSettings
from tests.integration.api.conftest import Api, Clock, clock, leases, serving, settings, worker  # noqa: F401 - fixtures
from tests.integration.worker.conftest import rig  # noqa: F401 - a fixture
from tests.ports.conftest import ports, store  # noqa: F401 - fixtures


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:  # noqa: F811
    """An api whose leases run out when a test lets their time pass, and not because the machine is slow."""

    def monotonic() -> float:
        return clock.now.timestamp()

    monkeypatch.setattr(reaper, "time", SimpleNamespace(monotonic=monotonic))
    async with serving(settings) as served:
        clock.now += settings.leases.ttl  # for so long after its start nothing expires
        yield served


@pytest.fixture
def fairness() -> Fairness:
    """All tenants alike."""
    return Fairness()
