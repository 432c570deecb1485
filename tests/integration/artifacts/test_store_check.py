"""A worker builds nothing where the api would not find it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.contract.errors import StoreMismatch
from services.contract.job import Job, LeaseRef
from services.worker.artifacts.store_check import StoreCheck
from services.worker.world import World
from tests.integration.artifacts.writers import LEASE
from tests.integration.worker.rig import SPEC

MINUTE = timedelta(minutes=1)


@pytest.fixture
def job(reader) -> Job:
    return Job(LEASE, 1, 3, MINUTE, MINUTE, MINUTE, SPEC, "export-1/lease-1/", reader.store_id)


def test_a_job_of_this_store_is_fine(sink, job):
    StoreCheck(sink, World()).require(job)


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
