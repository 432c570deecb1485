"""A worker's folder for what it needs while it builds."""

import fcntl
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.contract.job import LeaseRef
from services.worker.scratch import Scratch
from tests.integration.artifacts.test_folder import locks_waited_for
from tests.patience import PATIENCE_S

LEASE = LeaseRef("e1", "aa")


def work_and_end(root: Path, ready, end) -> None:
    (Scratch(root, "other").folder_for(LEASE) / "sorted").write_bytes(b"half")
    ready.set()
    end.wait()


@pytest.fixture
def other(tmp_path: Path):
    """Another worker's process, in the middle of its work."""
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    process = context.Process(target=work_and_end, args=(tmp_path, ready, end))
    process.start()
    assert ready.wait(PATIENCE_S)
    yield process
    process.kill()
    process.join()


def test_the_folder_of_a_living_worker_is_left_alone_and_that_of_a_dead_one_swept(tmp_path: Path, other) -> None:
    mine = Scratch(tmp_path, "mine")
    mine.folder_for(LEASE)
    assert mine.sweep() == []
    assert (tmp_path / "other" / "aa" / "sorted").exists()
    other.kill()
    other.join()
    assert mine.sweep() == ["other"]
    assert [f.name for f in tmp_path.iterdir()] == ["mine"]
    mine.close()
    mine.close()
    assert list(tmp_path.iterdir()) == []


def test_two_first_jobs_at_the_same_moment_share_one_folder(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, "mine")
    leases = [LeaseRef("e1", f"lease{n}") for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        folders = list(threads.map(scratch.folder_for, leases, timeout=PATIENCE_S))
    assert len(set(folders)) == 8
    scratch.close()


def test_each_attempt_has_its_own_folder_which_goes_with_it(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, "mine")
    folder, beside = scratch.folder_for(LEASE), scratch.folder_for(LeaseRef("e1", "bb"))
    (folder / "sorted").write_bytes(b"half")
    scratch.remove(LEASE)
    scratch.remove(LEASE)
    assert not folder.exists()
    assert beside.exists()
    scratch.close()


def test_an_empty_folder_is_used_again_and_one_with_files_is_not(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, "mine")
    first = scratch.folder_for(LEASE)
    assert scratch.folder_for(LEASE) == first
    scratch.remove(LEASE)
    again, beside = scratch.folder_for(LeaseRef("e1", "bb")), scratch.folder_for(LeaseRef("e1", "cc"))
    assert (again, beside.name) == (first, "cc")
    (again / "sorted").write_bytes(b"half")
    scratch.remove(LeaseRef("e1", "bb"))
    assert not first.exists()
    assert scratch.folder_for(LeaseRef("e1", "dd")).name == "dd"
    scratch.close()


def test_a_spare_folder_that_somebody_removed_is_made_anew(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, "mine")
    scratch.folder_for(LEASE).rmdir()
    scratch.remove(LEASE)
    first = scratch.folder_for(LEASE)
    scratch.remove(LEASE)
    first.rmdir()
    assert scratch.folder_for(LeaseRef("e1", "bb")).is_dir()
    scratch.close()


def test_nothing_is_made_before_the_first_job_and_a_sweep_finds_nothing(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "nowhere", "mine")
    assert scratch.sweep() == []
    scratch.close()
    assert list(tmp_path.iterdir()) == []


# Nothing here leads out of the test's own folder: should every check fail, that alone is lost.
@pytest.mark.parametrize("lease_id", ["", ".", "..", "../x", "a/b", "a\0b", "a/../b"])
def test_a_lease_that_leads_elsewhere_is_refused(tmp_path: Path, lease_id: str) -> None:
    (tmp_path / "keep").write_text("x")
    scratch = Scratch(tmp_path / "scratch", "mine")
    with pytest.raises(ValueError, match="not a name for a folder"):
        scratch.folder_for(LeaseRef("e1", lease_id))
    scratch.remove(LeaseRef("e1", lease_id))
    assert [f.name for f in tmp_path.iterdir()] == ["keep"]


def test_a_folder_that_is_swept_before_its_worker_has_locked_it_is_made_anew(tmp_path: Path) -> None:
    """Else the next sweep would remove the folder of a living worker."""
    lock = tmp_path / "mine" / "lock"
    lock.parent.mkdir()
    handle = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)  # as a sweep has it
    scratch = Scratch(tmp_path, "mine")
    worker = threading.Thread(target=scratch.folder_for, args=(LEASE,))
    worker.start()
    while not locks_waited_for(lock):
        assert worker.is_alive()
    lock.unlink()
    lock.parent.rmdir()
    os.close(handle)
    worker.join(PATIENCE_S)
    assert Scratch(tmp_path, "another").sweep() == []
    assert (tmp_path / "mine" / "aa").is_dir()
    scratch.close()
