"""A worker builds nothing where the api would not find it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.contract.errors import StoreMismatch
from services.contract.job import Job, LeaseRef
from services.objects import client
from services.worker.artifacts import open_sink
from services.worker.artifacts.store_check import StoreCheck
from services.worker.ports import StoreUnavailable
from services.worker.world import World
from tests.integration.artifacts.test_bucket import reached_at
from tests.integration.artifacts.writers import LEASE, stored
from tests.integration.worker.rig import SPEC
from tests.servers.unsteady_relay import unsteady_relay

MINUTE = timedelta(minutes=1)


@pytest.fixture
def job(reader) -> Job:
    return Job(LEASE, 1, 3, MINUTE, MINUTE, MINUTE, SPEC, "export-1/lease-1/", reader.store_id)


def test_a_job_of_this_store_is_fine(sink, job):
    StoreCheck(sink, World()).require(job)


def test_a_store_that_takes_files_is_tried_without_a_trace(sink, place):
    kept = stored(sink).key
    assert StoreCheck(sink, World()).takes_files()
    assert place.names() == [kept]


@pytest.mark.parametrize("place", ["bucket"], indirect=True)
def test_a_bucket_that_can_be_read_and_takes_nothing_does_not(reader, place, monkeypatch):
    monkeypatch.setattr(client, "MAX_RETRIES", 0)
    with unsteady_relay(dict(place.settings.options)["AWS_ENDPOINT_URL"]) as relay:
        sink = open_sink(reached_at(place.settings, relay.endpoint))
        check = StoreCheck(sink, World())
        assert check.store_id() == reader.store_id
        monkeypatch.setattr(sink, "store_id", lambda: reader.store_id)
        relay.refusing = 1000
        relay.hang_up()
        assert not check.takes_files()
        relay.refusing = 0
        assert check.takes_files()


@pytest.mark.parametrize("store_id", ["", "5d9c4d0a-3f0e-4c58-9a5c-5a7b1f6f4c11"])
def test_one_of_another_store_is_refused(sink, job, store_id):
    with pytest.raises(StoreMismatch):
        StoreCheck(sink, World()).require(replace(job, store_id=store_id))


@pytest.mark.parametrize(
    ("lease", "prefix"),
    [
        (LEASE, "export-1/lease-2/"),
        (LEASE, "artifacts/export-1/lease-1/"),
        (LEASE, ""),
        (LeaseRef("..", "other"), "../other/"),
        (LeaseRef("export-1", ""), "export-1//"),
    ],
)
def test_one_whose_files_would_go_elsewhere_is_refused(sink, job, lease, prefix):
    with pytest.raises(StoreMismatch):
        StoreCheck(sink, World()).require(replace(job, lease=lease, artifact_prefix=prefix))


class Marker:
    """A sink far away, as far as its marker goes."""

    location = "far"
    marker_lasts_s = 60.0

    def __init__(self) -> None:
        self.id = "one"
        self.away = False
        self.reads = 0

    def store_id(self) -> str:
        self.reads += 1
        if self.away:
            raise StoreUnavailable
        return self.id

    def open(self, *_: object) -> object:
        raise StoreUnavailable


@pytest.fixture
def far() -> Marker:
    return Marker()


@pytest.fixture
def check(far) -> tuple[StoreCheck, list[float]]:
    """And what its clock shows."""
    clock = [1000.0]
    return StoreCheck(far, World(monotonic=lambda: clock[0])), clock


def test_a_marker_far_away_is_read_once_in_a_while(far, check):
    store, clock = check
    assert {store.store_id() for _ in range(10)} == {"one"}
    assert far.reads == 1
    far.id = "two"
    clock[0] += 59.9
    assert (store.store_id(), far.reads) == ("one", 1)
    clock[0] += 0.2
    assert (store.store_id(), far.reads) == ("two", 2)


def test_after_a_failure_and_a_mismatch_it_is_read_again(far, check, job):
    store, clock = check
    store.store_id()
    far.id = "two"
    assert not store.takes_files()  # what failed is tried with the marker as it is now
    assert (store.store_id(), far.reads) == ("two", 2)
    with pytest.raises(StoreMismatch) as mismatch:
        store.require(job)
    far.id = job.store_id
    store.tell(mismatch.value)
    store.require(job)
    far.away = True
    clock[0] += 61
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            store.require(job)
    far.away = False
    assert store.store_id() == job.store_id


def test_a_marker_that_is_missing_is_looked_for_each_time(far, check):
    store, _ = check
    far.id = ""
    assert (store.store_id(), store.store_id(), far.reads) == ("", "", 2)
