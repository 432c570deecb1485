"""What the disk is told early changes nothing in the file."""

import hashlib
import os
from datetime import UTC, datetime, timedelta

import pytest

from services.contract.formats import KINDS, Compression, Format
from services.contract.job import Job, LeaseRef
from services.worker.child import output
from services.worker.child.output import JobContext, Output
from tests.unit.bundle.bundles import spec_of

BLOCK = os.urandom(1 << 20)


@pytest.fixture
def context(tmp_path) -> JobContext:
    never = timedelta(0)
    job = Job(LeaseRef("e", "l"), 1, 1, never, never, never, spec_of(Format.CSV), "e/l/", store_id="")
    return JobContext(job, tmp_path, datetime.now(UTC), lambda: None)


def test_a_file_that_is_sent_while_it_grows_is_published_whole(tmp_path, context, monkeypatch):
    told: list[tuple[int, int]] = []
    start_writing = output._start_writing

    def noted(handle: int, start: int, size: int) -> None:
        told.append((start, size))
        start_writing(handle, start, size)

    monkeypatch.setattr(output, "_start_writing", noted)
    with Output(context, "export", KINDS[Format.CSV]) as made:
        for _ in range(20):
            made.file.write(BLOCK)
            made.send()
        artifact = made.published(tmp_path)
    assert (tmp_path / artifact.key).read_bytes() == BLOCK * 20
    assert artifact.sha256 == hashlib.sha256(BLOCK * 20).hexdigest()
    assert [start for start, _ in told] == [0, told[0][1]]
    assert all(size >= 8 << 20 for _, size in told)


def test_a_file_that_grows_behind_is_sent_as_far_as_it_is(tmp_path, context):
    with Output(context, "export", KINDS[Format.CSV]) as made:
        growing = made.growing(Compression.NONE)
        for _ in range(20):
            growing.write(BLOCK)
            made.send()
        made.end()
        artifact = made.published(tmp_path)
    assert (tmp_path / artifact.key).stat().st_size == artifact.size_bytes == 20 << 20
    assert artifact.sha256 == hashlib.sha256(BLOCK * 20).hexdigest()
