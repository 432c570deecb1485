"""COMPLETED means a file that can be read until it expires: also after a power cut."""

import errno
import os
from itertools import count
from unittest.mock import patch

import pytest

from services.api.storage.artifacts.folder import FolderArtifactStore
from services.api.storage.datadir import DataDirectory, key_file, secret_key
from services.contract.job import LeaseRef
from services.contract.store import MARKER, store_id_in
from services.worker.artifacts.folder import FolderSink
from tests.crashes.power_cut import recorded
from tests.integration.artifacts.writers import CONTENT, KEY, LEASE, NAME, nothing, stored


def is_artifact(path) -> bool:
    return not any(part.startswith(".") for part in path.parts)


@pytest.fixture
def sink(folder) -> FolderSink:
    return FolderSink(folder.root)


def test_a_file_that_is_stored_survives_and_was_never_there_by_half(folder, sink):
    with recorded(folder.root, is_artifact) as cut:
        stored(sink)
        assert cut.survivors()[KEY] == CONTENT
        later = stored(sink, LeaseRef("export-1", "lease-2"), content=b"later")
        beside = stored(sink, name="attachments.zip", content=b"beside")
    assert cut.survivors() == {KEY: CONTENT, later.key: b"later", beside.key: b"beside"}
    assert cut.torn == set()


def test_so_does_one_that_was_written_at_any_place(folder, sink):
    with recorded(folder.root, is_artifact) as cut:
        writer = sink.open(LEASE, NAME)
        file = writer.seekable()
        file.write(b"..." + CONTENT)
        file.seek(0)
        file.write(b"123")
        writer.close(nothing)
    assert cut.survivors() == {KEY: b"123" + CONTENT}
    assert cut.torn == set()


def test_the_way_to_a_file_survives_though_somebody_else_made_it_and_was_killed(folder, sink):
    (folder.root / "export-1" / "lease-1").mkdir(parents=True)
    with recorded(folder.root, is_artifact) as cut:
        stored(sink)
    assert cut.survivors() == {KEY: CONTENT}


def test_the_marker_of_a_store_survives_its_first_opening(tmp_path):
    with recorded(tmp_path, lambda path: path.name == MARKER) as cut:
        store_id = FolderArtifactStore.in_folder(tmp_path / "data" / "artifacts").store_id
    assert store_id_in(cut.survivors()[f"data/artifacts/{MARKER}"]) == store_id
    assert cut.torn == set()


def test_the_key_of_a_server_survives_its_first_start(tmp_path):
    with (
        recorded(tmp_path, lambda path: path.name == "secret.key") as cut,
        DataDirectory.open(tmp_path / "var" / "data") as directory,
    ):
        key = secret_key(key_file(directory.path, None), make=True)
    assert cut.survivors()["var/data/secret.key"] == key
    assert cut.torn == set()


@pytest.mark.parametrize("which", range(4))  # the file, its folder, the export's, the root
def test_a_disk_that_cannot_make_it_durable_fails_the_attempt_and_nothing_stays(folder, sink, which):
    fsync, calls = os.fsync, count()

    def failing(descriptor: int) -> None:
        if next(calls) == which:
            raise OSError(errno.EIO, "Input/output error")
        fsync(descriptor)

    writer = sink.open(LEASE, NAME)
    writer.write(CONTENT)
    with patch.object(os, "fsync", failing), pytest.raises(OSError, match="Input/output"):
        writer.close(nothing)
    assert next(calls) == which + 1
    writer.abort()
    assert folder.names() == []
