"""A job whose bucket does not take the file says so, whichever format it writes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.contract.codes import FailureCode
from services.contract.formats import Format
from services.contract.job import Job, LeaseRef
from services.contract.outcome import Built, Failure
from services.contract.spec import TableOptions
from services.objects import client
from services.objects.settings import BucketStore
from services.worker.child import job as building
from services.worker.order import Order
from services.worker.sources.sources import Sources
from tests.integration.worker.rig import SPEC, STORE, Rig
from tests.servers.object_store import bucket_of
from tests.servers.unsteady_relay import UnsteadyRelay, unsteady_relay

MINUTE = timedelta(minutes=1)
LEASE = LeaseRef("export-1", "lease-1")


@pytest.fixture
def relay(object_store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[UnsteadyRelay]:
    monkeypatch.setattr(client, "MAX_RETRIES", 1)
    with unsteady_relay(object_store.endpoint) as relay:
        yield relay


def order(rig: Rig, bucket: BucketStore, relay: UnsteadyRelay, scratch: Path, format_: Format) -> Order:
    options = dict(bucket.options) | {"AWS_ENDPOINT_URL": relay.endpoint}
    spec = replace(SPEC, table=TableOptions(format_))
    job = Job(LEASE, 1, 3, MINUTE, MINUTE, MINUTE, spec, "export-1/lease-1/", STORE)
    scratch.mkdir()
    return Order(job, BucketStore(bucket.url, tuple(options.items())), scratch, "reference", Sources(rig.sources))


@pytest.mark.parametrize("format_", Format)
def test_a_store_that_takes_nothing_is_unavailable_and_no_defect(
    rig: Rig, relay: UnsteadyRelay, object_store: Any, tmp_path: Path, format_: Format
) -> None:
    relay.refusing = 1_000_000
    outcome = building.run(order(rig, bucket_of(object_store), relay, tmp_path / "s", format_), lambda _: None)
    assert isinstance(outcome, Failure)
    assert outcome.code == FailureCode.STORE_UNAVAILABLE
    assert relay.refused


@pytest.mark.parametrize("format_", Format)
def test_one_that_takes_it_has_it(
    rig: Rig, relay: UnsteadyRelay, object_store: Any, tmp_path: Path, format_: Format
) -> None:
    outcome = building.run(order(rig, bucket_of(object_store), relay, tmp_path / "s", format_), lambda _: None)
    assert isinstance(outcome, Built), outcome
