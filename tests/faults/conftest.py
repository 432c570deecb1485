"""What the other folders drive their parts with: an api and workers by hand, a rig, a house of processes, a store."""

import pytest

from services.api.domain.fairness import Fairness
from services.api.domain.leases import LeasePolicy
from tests.integration.api.conftest import api, settings, worker  # noqa: F401 - fixtures
from tests.integration.worker.conftest import rig  # noqa: F401 - a fixture
from tests.ports.conftest import ports, store  # noqa: F401 - fixtures
from tests.ports.samples import SECOND


@pytest.fixture
def leases() -> LeasePolicy:
    """Leases that run out while a test waits."""
    return LeasePolicy(confirm_window=2 * SECOND, ttl=2 * SECOND, heartbeat_interval=SECOND)


@pytest.fixture
def fairness() -> Fairness:
    """All tenants alike."""
    return Fairness()
