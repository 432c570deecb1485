"""Space on the disk is reserved for what comes next, and the file's size stays that of what has arrived."""

import hashlib
from pathlib import Path

import pytest

from exportd_client import File, partial_file
from exportd_client.disk_space import reserve
from exportd_client.partial_file import Part, part_path

MIB = 1 << 20
PIECE = bytes(MIB)


@pytest.fixture
def reserving(tmp_path: Path) -> None:
    with (tmp_path / "tried").open("wb") as file:
        if not reserve(file.fileno(), 0, MIB):
            pytest.skip("this file system cannot reserve space")


def begun(path: Path, size_mib: int, arrived_mib: int) -> Part:
    part = Part.open(path, file_of(size_mib))
    for _ in range(arrived_mib):
        part.append(PIECE)
    return part


def file_of(size_mib: int) -> File:
    return File(id="f", size_bytes=size_mib * MIB, sha256=hashlib.sha256(PIECE * size_mib).hexdigest())


@pytest.mark.usefixtures("reserving")
def test_space_is_reserved_ahead_of_a_large_file_and_its_size_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    begun(path, 1_000, 3).close()
    found = part_path(path, file_of(1_000)).stat()
    assert found.st_size == 3 * MIB
    assert 64 * MIB <= found.st_blocks * 512 <= 68 * MIB


def test_a_small_file_and_the_last_bytes_reserve_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reserved: list[tuple[int, int]] = []
    monkeypatch.setattr(partial_file, "reserve", lambda _, *space: reserved.append(space) or True)
    begun(tmp_path / "small.csv", 7, 7).finish()
    assert reserved == []
    begun(tmp_path / "large.csv", 70, 70).finish()
    assert reserved == [(0, 64 * MIB)]


def test_where_nothing_can_be_reserved_it_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    monkeypatch.setattr(partial_file, "reserve", lambda *_: bool(tries.append(1)))
    begun(tmp_path / "out.csv", 130, 130).finish()
    assert tries == [1]
    assert (tmp_path / "out.csv").stat().st_size == 130 * MIB


@pytest.mark.usefixtures("reserving")
def test_a_part_with_space_reserved_goes_on_where_its_bytes_end(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    begun(path, 70, 3).close()
    part = begun(path, 70, 0)
    assert part.size == 3 * MIB
    for _ in range(67):
        part.append(PIECE)
    part.finish()
    assert path.read_bytes() == PIECE * 70
    assert path.stat().st_blocks * 512 <= 71 * MIB
