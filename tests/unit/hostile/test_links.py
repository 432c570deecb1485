"""No link of any sort leads out of a folder: not at any step of a path, not at any moment, not by another name."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from services.api.storage.artifacts.folder import FolderArtifactStore
from services.contract.job import LeaseRef
from services.contract.store import artifact_prefix
from services.runtime.removal import remove_inner
from services.worker.artifacts.folder import FolderSink
from services.worker.ports import StoreUnavailable
from services.worker.sources.stores.folder import Folder
from tests.unit.hostile.swaps import before_call, swap, swap_back

LEASE = LeaseRef("export", "lease")
PREFIX = artifact_prefix(LEASE)
KEY = f"{PREFIX}table.csv"
SECRET = b"the server's key"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a secret under every name that a link could be given."""
    folder = tmp_path / "outside"
    (folder / "lease").mkdir(parents=True)
    for name in ("table.csv", "lease/table.csv"):
        (folder / name).write_bytes(SECRET)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / PREFIX).mkdir(parents=True)
    (tmp_path / "root" / KEY).write_bytes(b"rows")
    return tmp_path / "root"


@pytest.fixture
def artifacts(root: Path) -> FolderArtifactStore:
    return FolderArtifactStore.in_folder(root)


def content(store: FolderArtifactStore, key: str = KEY) -> bytes | None:
    reader = store.open_now(key)
    return None if reader is None else reader.read_now(0, 100)


def attachment(root: Path, path: str = KEY) -> bytes | None:
    file = Folder("papers", root).open(path)
    if file is None:
        return None
    with file:
        return file.read()


@pytest.mark.parametrize("step", ["export", "export/lease", "export/lease/table.csv"])
def test_no_step_to_an_artifact_may_be_a_link(
    artifacts: FolderArtifactStore, root: Path, outside: Path, step: str
) -> None:
    assert content(artifacts) == b"rows"
    swap(root / step, outside / "table.csv" if step.endswith(".csv") else outside)
    assert content(artifacts) is None
    assert artifacts.size_now(KEY) is None


@pytest.mark.parametrize("step", ["export", "export/lease"])
@pytest.mark.parametrize("number", range(12))
def test_no_moment_is_left_to_swap_a_folder_of_artifacts(
    artifacts: FolderArtifactStore, root: Path, outside: Path, step: str, number: int
) -> None:
    with before_call(number, lambda: swap(root / step, outside)):
        assert content(artifacts) in (b"rows", None)


@pytest.mark.parametrize("number", range(40))
@pytest.mark.parametrize("step", ["export", "export/lease"])
def test_no_moment_is_left_to_swap_a_folder_of_attachments(root: Path, outside: Path, step: str, number: int) -> None:
    with before_call(number, lambda: swap(root / step, outside)):
        assert attachment(root) in (b"rows", None)


def test_the_moments_are_all_that_there_are(artifacts: FolderArtifactStore, root: Path) -> None:
    with before_call(-1, lambda: None) as looks:
        content(artifacts)
    assert 4 <= len(looks) <= 12
    with before_call(-1, lambda: None) as looks:
        attachment(root)
    assert 8 <= len(looks) <= 40


def test_a_file_with_another_name_is_no_artifact(artifacts: FolderArtifactStore, root: Path, outside: Path) -> None:
    (root / KEY).unlink()
    os.link(outside / "table.csv", root / KEY)
    assert content(artifacts) is None
    assert artifacts.size_now(KEY) is None


def test_a_file_with_another_name_is_an_attachment_only_where_the_operator_says_so(root: Path, outside: Path) -> None:
    (root / KEY).unlink()
    os.link(outside / "table.csv", root / KEY)
    assert attachment(root) is None
    file = Folder("papers", root, hard_links=True).open(KEY)
    assert file is not None
    with file:
        assert file.read() == SECRET


def test_a_link_that_stays_below_the_root_leads_to_an_attachment(root: Path) -> None:
    (root / "latest").symlink_to("export/lease")
    assert attachment(root, "latest/table.csv") == b"rows"
    (root / "self").symlink_to(".")
    assert attachment(root, f"self/self/{KEY}") == b"rows"
    assert attachment(root, "self") is None


def test_a_folder_that_is_a_link_for_a_moment_only_is_no_missing_attachment(root: Path) -> None:
    """As when a new state of the whole folder is switched to."""
    with before_call(8, lambda: swap(root / "export", root / "export.was")) as looks:
        found = attachment(root)
    assert found == b"rows"
    assert len(looks) > 8


@pytest.mark.parametrize("step", ["export", "export/lease"])
@pytest.mark.parametrize("number", range(-1, 20))
def test_what_a_link_leads_to_is_not_swept(root: Path, outside: Path, step: str, number: int) -> None:
    before = sorted(path.relative_to(outside) for path in outside.rglob("*"))
    if number < 0:
        swap(root / step, outside)
    with before_call(number, lambda: swap(root / step, outside)):
        remove_inner(root, "export", "lease")  # in this thread, whose looks are seen
    assert sorted(path.relative_to(outside) for path in outside.rglob("*")) == before


def test_a_link_in_the_place_of_a_lease_is_swept_itself(
    artifacts: FolderArtifactStore, root: Path, outside: Path
) -> None:
    swap(root / "export/lease", outside)
    asyncio.run(artifacts.remove(PREFIX))
    assert not os.path.lexists(root / "export/lease")
    assert (outside / "table.csv").exists()


# ---- what a worker writes


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("step", [".spool", "export", "export/lease"])
@pytest.mark.parametrize("number", range(-1, 24))
def test_nothing_is_written_where_a_link_leads(root: Path, outside: Path, step: str, number: int) -> None:
    (root / ".spool").mkdir()
    before, sink = names(outside), FolderSink(root)
    if number < 0:
        swap(root / step, outside)
    with before_call(number, lambda: swap(root / step, outside)), suppress(OSError, StoreUnavailable):
        writer = sink.open(LEASE, "new.csv")
        writer.write(b"rows")
        try:
            writer.close(lambda: None)
        except OSError:
            writer.abort()
            raise
    assert names(outside) == before
    assert (outside / "table.csv").read_bytes() == SECRET


@pytest.mark.parametrize("step", ["export", "export/lease"])
@pytest.mark.parametrize("number", range(-1, 20))
def test_nothing_is_withdrawn_where_a_link_leads(root: Path, outside: Path, step: str, number: int) -> None:
    before = names(outside)
    if number < 0:
        swap(root / step, outside)
    with before_call(number, lambda: swap(root / step, outside)):
        FolderSink(root).withdraw(LEASE)
    assert names(outside) == before


def test_the_swap_is_what_it_says(root: Path, outside: Path) -> None:
    swap(root / "export", outside)
    assert (root / "export/table.csv").read_bytes() == SECRET
    swap_back(root / "export")
    assert (root / KEY).read_bytes() == b"rows"
