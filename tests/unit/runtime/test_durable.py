"""Small files and folders, after a kill and after a power cut."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.runtime import durable
from services.runtime.durable import create_once, make_private, sync
from tests.crashes.killed import killed_at_each_line
from tests.crashes.power_cut import recorded


def is_whole(path: Path) -> bool:
    return not path.name.endswith(".partial")


def test_a_file_that_was_made_survives_and_was_never_there_by_half(tmp_path):
    with recorded(tmp_path, is_whole) as cut:
        assert create_once(tmp_path / "key", b"secret") == b"secret"
    assert cut.survivors() == {"key": b"secret"}
    assert cut.torn == set()


def test_a_file_whose_maker_was_killed_survives_too(tmp_path):
    (tmp_path / "key").write_bytes(b"secret")
    with recorded(tmp_path) as cut:
        assert create_once(tmp_path / "key", b"another") == b"secret"
    assert cut.survivors() == {"key": b"secret"}


def test_what_is_synced_survives(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    with recorded(tmp_path) as cut:
        sync(tmp_path / "file")
        assert cut.survivors() == {}
        sync(tmp_path)
        assert cut.survivors() == {"file": b"content"}


def test_the_system_is_asked_to_sync_and_says_when_it_cannot():
    with pytest.raises(OSError, match="Invalid argument"):
        sync(Path("/dev/null"))


def test_the_way_to_a_new_folder_survives_with_it_and_is_its_owners_alone(tmp_path):
    folder = tmp_path / "a" / "b" / "c"
    with recorded(tmp_path) as cut:
        make_private(folder)
        create_once(folder / "key", b"secret")
    assert cut.survivors() == {"a/b/c/key": b"secret"}
    assert [(tmp_path / new).stat().st_mode & 0o777 for new in ("a", "a/b", "a/b/c")] == [0o700] * 3


def test_the_way_to_a_folder_whose_maker_was_killed_survives_too(tmp_path):
    (tmp_path / "a").mkdir()
    with recorded(tmp_path) as cut:
        make_private(tmp_path / "a")
        create_once(tmp_path / "a" / "key", b"secret")
    assert cut.survivors() == {"a/key": b"secret"}


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "file" / "folder")


def make(folder: Path) -> None:
    make_private(folder / "a" / "b")
    create_once(folder / "a" / "b" / "key", b"secret")


@pytest.mark.slow
def test_whoever_is_killed_leaves_a_whole_file_or_none_and_the_next_one_nothing_else(tmp_path):
    folders = killed_at_each_line(make, [durable], tmp_path)
    assert len(folders) > 20
    for folder in folders:
        key = folder / "a" / "b" / "key"
        assert not key.exists() or key.read_bytes() == b"secret"
        make(folder)
        assert key.read_bytes() == b"secret"
        assert list(key.parent.iterdir()) == [key]


def test_of_many_at_once_one_writes(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        contents = set(threads.map(lambda n: create_once(tmp_path / "key", str(n).encode()), range(64)))
    assert len(contents) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]
