"""How the bytes that have arrived get the name of the file."""

import hashlib
import os
from pathlib import Path

import pytest

from exportd_client import File
from exportd_client.partial_file import Part, part_path

CONTENT = b"id\n1\n"
FILE = File(id="f", size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())


def arrived(path: Path, *, overwrite: bool) -> Part:
    part = Part.open(path, FILE, overwrite=overwrite)
    part.append(CONTENT)
    return part


def test_a_new_file_gets_its_name_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    arrived(path, overwrite=False).finish()
    assert path.read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_what_exists_is_not_even_begun(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        Part.open(path, FILE, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_came_meanwhile_stays_and_so_do_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    path = tmp_path / "out.csv"
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    part = arrived(path, overwrite=False)
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        part.finish()
    part.close()
    assert path.read_bytes() == b"mine"
    assert part_path(path, FILE).read_bytes() == CONTENT
    path.unlink()
    again = Part.open(path, FILE, overwrite=False)
    again.finish()
    assert path.read_bytes() == CONTENT


def _no_links(_of: object, _to: object) -> None:
    raise PermissionError("this file system has no links")


def test_with_overwrite_what_exists_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"mine")
    arrived(path, overwrite=True).finish()
    assert path.read_bytes() == CONTENT
