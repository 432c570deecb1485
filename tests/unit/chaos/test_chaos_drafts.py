"""The source that somebody has to correct."""

import sqlite3
from contextlib import closing
from pathlib import Path

from chaos.drafts import UNKNOWN, Drafts
from chaos.workload import DRAFTS, rows


def _read(path: Path, batch: str) -> list[tuple[object, str]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return list(database.execute("SELECT n, text FROM drafts WHERE batch = ? ORDER BY id", (batch,)))


async def test_a_batch_holds_a_value_that_is_no_number_until_it_is_corrected(tmp_path: Path) -> None:
    path = tmp_path / "drafts.sqlite3"
    with closing(Drafts(path)) as drafts:
        await drafts.add("1-0-0")
        await drafts.add("1-0-1")
        assert [n for n, _ in _read(path, "1-0-0")].count(UNKNOWN) == 1
        await drafts.correct("1-0-0")
        assert _read(path, "1-0-0") == list(rows(DRAFTS))
        assert [n for n, _ in _read(path, "1-0-1")].count(UNKNOWN) == 1
