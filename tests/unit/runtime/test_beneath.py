"""Folders below a root."""

import os
from pathlib import Path

import pytest

from services.runtime import beneath


def test_folders_that_are_missing_are_made_for_their_owner_only(tmp_path: Path) -> None:
    with beneath.made(tmp_path, ["a", "b"]) as folders:
        assert [os.fstat(folder).st_ino for folder in folders] == [
            path.stat().st_ino for path in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")
        ]
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_nothing_is_written_for_folders_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.delattr(os, "mkdir")
    with beneath.made(tmp_path, ["a", "b"]) as folders:
        assert len(folders) == 3


def test_a_folder_that_another_process_makes_at_the_same_moment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = os.mkdir

    def second(name: str, mode: int, *, dir_fd: int) -> None:
        make(name, mode, dir_fd=dir_fd)
        make(name, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", second)
    with beneath.made(tmp_path, ["a"]) as folders:
        assert len(folders) == 2


def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a").symlink_to("elsewhere")
    with pytest.raises(OSError, match="a"), beneath.made(tmp_path, ["a"]):
        pass
