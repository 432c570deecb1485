"""The artifact folder, on a real file system."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.contract.job import Job, LeaseRef
from services.contract.store import MARKER, SPOOL
from services.worker.artifacts.folder import ArtifactFolder, prefix_of, publish
from tests.integration.worker.rig import SPEC

MINUTE = timedelta(minutes=1)
JOB = Job(LeaseRef("e1", "aa"), 1, 3, MINUTE, MINUTE, MINUTE, SPEC, "e1/aa/", "store")


def spool_and_end(root: Path, ready, end) -> None:
    folder = ArtifactFolder(root, "other")
    (folder.spool_for(JOB) / "export.csv").write_bytes(b"half")
    ready.set()
    end.wait()


@pytest.fixture
def other(tmp_path: Path):
    """Another worker's process, with a file in its spool; set the event to end it."""
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    process = context.Process(target=spool_and_end, args=(tmp_path, ready, end))
    process.start()
    assert ready.wait(30)
    yield process, end
    process.kill()
    process.join()


def test_the_spool_of_a_living_worker_is_left_alone_and_that_of_a_dead_one_swept(tmp_path: Path, other) -> None:
    process, _ = other
    mine = ArtifactFolder(tmp_path, "mine")
    mine.spool_for(JOB)
    assert mine.sweep() == []
    assert (tmp_path / SPOOL / "other" / "aa" / "export.csv").exists()
    process.kill()
    process.join()
    assert mine.sweep() == ["other"]
    assert [f.name for f in (tmp_path / SPOOL).iterdir()] == ["mine"]
    mine.close()
    assert list((tmp_path / SPOOL).iterdir()) == []


def test_two_first_jobs_at_the_same_moment_share_one_spool(tmp_path: Path) -> None:
    folder = ArtifactFolder(tmp_path, "mine")
    jobs = [replace(JOB, lease=LeaseRef("e1", f"lease{n}")) for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        spools = list(threads.map(folder.spool_for, jobs, timeout=30))
    assert len(set(spools)) == 8
    folder.close()


def test_a_sweep_without_a_spool_finds_nothing(tmp_path: Path) -> None:
    assert ArtifactFolder(tmp_path / "nowhere", "mine").sweep() == []


def test_a_store_without_a_marker_has_no_id(tmp_path: Path) -> None:
    folder = ArtifactFolder(tmp_path, "mine")
    assert folder.store_id() == ""
    (tmp_path / MARKER).write_text("an-id\n")
    assert folder.store_id() == "an-id"


def test_a_published_file_is_at_its_key_and_gone_from_the_spool(tmp_path: Path) -> None:
    folder = ArtifactFolder(tmp_path, "mine")
    file = folder.spool_for(JOB) / "export.csv"
    file.write_bytes(b"whole")
    key = publish(file, tmp_path, JOB, file.name)
    assert key == "e1/aa/export.csv"
    assert (tmp_path / key).read_bytes() == b"whole"
    assert not file.exists()
    folder.close()


def test_what_is_withdrawn_leaves_other_attempts_alone(tmp_path: Path) -> None:
    folder = ArtifactFolder(tmp_path, "mine")
    for lease in ("aa", "bb"):
        (tmp_path / "e1" / lease).mkdir(parents=True)
        (tmp_path / "e1" / lease / "export.csv").write_bytes(b"whole")
    folder.withdraw(JOB)
    folder.withdraw(JOB)
    assert [f.name for f in (tmp_path / "e1").iterdir()] == ["bb"]


@pytest.mark.parametrize("prefix", ["../other/", "/etc/", "e1//aa/", ".spool/mine/", "", "e1/../../x/"])
def test_a_prefix_that_leads_elsewhere_is_refused(tmp_path: Path, prefix: str) -> None:
    odd = replace(JOB, artifact_prefix=prefix)
    with pytest.raises(ValueError, match="no name for a folder"):
        prefix_of(odd)
    (tmp_path / "keep").write_text("x")
    ArtifactFolder(tmp_path, "mine").withdraw(odd)
    assert (tmp_path / "keep").exists()
