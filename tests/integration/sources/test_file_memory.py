"""Rows that are too wide for the usual memory."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.spec import OrderTerm
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.memory import MemoryLimits
from services.worker.sources.files.settings import ParquetSettings
from services.worker.sources.files.source import FileSource
from tests.integration.sources.source_specs import read_from, spec_of
from tests.tiers import deep

ROWS = 60_000
WIDE = {"id": "text", "a": "text", "b": "text"}


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Rows of about 900 bytes in no order."""
    ids = [f"{n * 7919 % ROWS:06}" for n in range(ROWS)]
    texts = {name: [f"{name}{id_}" * 60 for id_ in ids] for name in ("a", "b")}
    pq.write_table(pa.table({"id": ids, **texts}), tmp_path / "wide.parquet")
    return tmp_path


SPEC = replace(spec_of("parquet", WIDE, order=(OrderTerm("id"),)), key=())


def source(directory: Path, memory: MemoryLimits) -> FileSource:
    return FileSource(ParquetSettings("things", directory), memory=memory)


@deep
def test_rows_too_wide_to_sort_in_the_usual_memory_get_more(wide: Path) -> None:
    rows = read_from(source(wide, MemoryLimits("12MB")), SPEC).rows
    assert [row["id"] for row in rows] == [f"{n:06}" for n in range(ROWS)]


def test_rows_that_fit_into_no_memory_are_refused_for_good(wide: Path) -> None:
    with pytest.raises(SourceFailed) as failed:
        read_from(source(wide, MemoryLimits("12MB", ("13MB",))), SPEC)
    assert failed.value.code == "ROWS_TOO_WIDE"
