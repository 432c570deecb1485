"""Rows that are too wide for the usual memory."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.spec import OrderTerm
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files import source as files
from tests.integration.sources.source_specs import read, spec_of

ROWS = 60_000
WIDE = {"id": "text", "a": "text", "b": "text"}


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Rows of about 900 bytes in no order."""
    ids = [f"{n * 7919 % ROWS:06}" for n in range(ROWS)]
    texts = {name: [f"{name}{id_}" * 60 for id_ in ids] for name in ("a", "b")}
    pq.write_table(pa.table({"id": ids, **texts}), tmp_path / "wide.parquet")
    return tmp_path


def test_rows_too_wide_to_sort_in_the_usual_memory_get_more(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MEMORY", "12MB")
    rows = read(wide, replace(spec_of("parquet", WIDE, order=(OrderTerm("id"),)), key=())).rows
    assert [row["id"] for row in rows] == [f"{n:06}" for n in range(ROWS)]


def test_rows_that_fit_into_no_memory_are_refused_for_good(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MEMORY", "12MB")
    monkeypatch.setattr(files, "_MORE_MEMORY", ("13MB",))
    with pytest.raises(SourceFailed) as failed:
        read(wide, replace(spec_of("parquet", WIDE, order=(OrderTerm("id"),)), key=()))
    assert failed.value.code == "ROWS_TOO_WIDE"
    assert not failed.value.retryable
