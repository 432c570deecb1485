"""kill -9 between any two lines of the folder store: what is left is whole or nothing, and the next one cleans up."""

import asyncio
import shutil
from pathlib import Path

import pytest

from services.api.storage.artifacts import folder as api_folder
from services.contract.job import LeaseRef
from services.runtime import beneath, durable, removal
from services.worker import file_lock
from services.worker.artifacts import folder as worker_folder
from services.worker.artifacts import folder_writer, spool
from services.worker.artifacts.folder import FolderSink
from tests.crashes.killed import killed_at_each_line
from tests.integration.artifacts.places import FolderPlace
from tests.integration.artifacts.writers import CONTENT, KEY, LEASE, NAME, content_of, nothing, stored
from tests.tiers import deep, deep_but

WORKER = [worker_folder, folder_writer, spool, file_lock, durable, beneath, removal]
SIBLING = LeaseRef("export-1", "lease-2")
SIBLINGS_KEY = "export-1/lease-2/export.csv"


def opened(folder: Path) -> tuple[FolderPlace, FolderSink]:
    place = FolderPlace(folder)
    place.opened_by_api()
    return place, FolderSink(place.root)


def acknowledged(folder: Path) -> Path:
    """There once the scenario was told that it is done."""
    return folder / "acknowledged"


def append(folder: Path) -> None:
    stored(FolderSink(FolderPlace(folder).root))
    acknowledged(folder).touch()


def write_anywhere(folder: Path) -> None:
    writer = FolderSink(FolderPlace(folder).root).open(LEASE, NAME)
    file = writer.seekable()
    file.write(b"x" * len(CONTENT))
    file.seek(0)
    file.write(CONTENT)
    writer.push()
    writer.close(nothing)
    acknowledged(folder).touch()


def give_up(folder: Path) -> None:
    writer = FolderSink(FolderPlace(folder).root).open(LEASE, NAME)
    writer.write(CONTENT)
    writer.abort()


@pytest.mark.parametrize("write", deep_but([append, write_anywhere], append))
async def test_who_is_killed_while_storing_leaves_a_whole_file_or_none(tmp_path, write):
    folders = killed_at_each_line(write, WORKER, tmp_path, opened)
    assert len(folders) > 60
    found = set()
    for folder in folders:
        place, sink = opened(folder)
        content = await content_of(place.opened_by_api(), KEY)
        found.add((content, acknowledged(folder).exists()))
        await check_withdrawn(Path(shutil.copytree(folder, tmp_path / "copy", dirs_exist_ok=True)))
        sink.sweep()
        assert place.names() == ([] if content is None else [KEY])
    assert found == {(None, False), (CONTENT, False), (CONTENT, True)}


@deep
async def test_nothing_stays_of_who_was_killed_while_giving_up(tmp_path):
    for folder in killed_at_each_line(give_up, WORKER, tmp_path, opened):
        await check_withdrawn(folder)


async def check_withdrawn(folder: Path) -> None:
    """Nothing stays of the dead when their lease is withdrawn, swept before or not."""
    place, sink = opened(folder)
    sink.withdraw(LEASE)
    assert place.names() == []
    assert [prefix async for prefix in place.opened_by_api().prefixes()] == []


def two_stored(folder: Path) -> None:
    _, sink = opened(folder)
    stored(sink)
    stored(sink, SIBLING)


def withdraw(folder: Path) -> None:
    FolderSink(FolderPlace(folder).root).withdraw(LEASE)


def remove(folder: Path) -> None:
    asyncio.run(FolderPlace(folder).opened_by_api().remove("export-1/lease-1/"))


@deep
@pytest.mark.parametrize(
    ("clear", "modules"),
    deep_but([(withdraw, [*WORKER, shutil]), (remove, [api_folder, durable, beneath, removal, shutil])], remove),
    ids=["withdraw", "remove"],
)
async def test_who_is_killed_while_clearing_up_leaves_it_to_the_next_one(tmp_path, clear, modules):
    folders = killed_at_each_line(clear, modules, tmp_path, two_stored)
    assert len(folders) > 40
    for folder in folders:
        place = FolderPlace(folder)
        reader = place.opened_by_api()
        assert await content_of(reader, KEY) in (None, CONTENT)
        await asyncio.to_thread(withdraw, folder)
        assert place.names() == [SIBLINGS_KEY]
        assert await content_of(reader, SIBLINGS_KEY) == CONTENT


def left_by_dead(folder: Path) -> None:
    place, _ = opened(folder)
    (place.root / ".spool").mkdir()
    for lease in ("lease-1", "lease-3"):
        (place.root / ".spool" / f"export-1.{lease}.export.csv").write_bytes(CONTENT)


def sweep(folder: Path) -> None:
    FolderSink(FolderPlace(folder).root).sweep()


@deep
def test_who_is_killed_while_sweeping_leaves_it_to_the_next_one(tmp_path):
    folders = killed_at_each_line(sweep, WORKER, tmp_path, left_by_dead)
    assert len(folders) > 20
    for folder in folders:
        sweep(folder)
        assert FolderPlace(folder).names() == []
