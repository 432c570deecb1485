"""Attachments: the files of a folder, and nothing else."""

import os
from pathlib import Path

import pytest

from services.worker.sources.errors import SourceFailed
from services.worker.sources.stores.folder import Folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a/1.xml").write_bytes(b"<one/>")
    (tmp_path / "secret").write_text("secret")
    (root / "inside").symlink_to(root / "a/1.xml")
    (root / "outside").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    (root / "circle").symlink_to(root / "circle")
    os.mkfifo(root / "pipe")
    return root


def folder(root: Path) -> Folder:
    return Folder("files", root)


@pytest.mark.parametrize("path", ["a/1.xml", "inside", "./a//1.xml"])
def test_a_file_below_the_root_is_opened(root: Path, path: str) -> None:
    file = folder(root).open(path)
    assert file is not None
    with file:
        assert file.read() == b"<one/>"


OUTSIDE = ["../secret", "a/../../secret", "outside", "up/secret", "/etc/passwd"]
NO_FILE = ["", ".", "a", "a/2.xml", "a/1.xml/x", "pipe", "circle", "x" * 300, "a\0b", "\ud800"]


@pytest.mark.parametrize("path", OUTSIDE + NO_FILE)
def test_anything_else_is_missing(root: Path, path: str) -> None:
    assert folder(root).open(path) is None


def test_a_root_that_is_gone_is_no_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed) as failed:
        folder(tmp_path / "none").open("a.xml")
    assert failed.value.code == "SOURCE_UNAVAILABLE"
