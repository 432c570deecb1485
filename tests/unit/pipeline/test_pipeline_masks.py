"""A whole job with masked columns: what is masked is in no file, whatever its format."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.formats import Format
from services.contract.outcome import Built, Failure
from services.contract.spec import ColumnSpec, ColumnType, Kind, Mask, TableOptions
from tests.unit.pipeline.test_pipeline_job import run

COLUMNS = (
    ColumnSpec("id", "id", "id", ColumnType(Kind.INTEGER), Mask.LAST4),
    ColumnSpec("born", "born", "born", ColumnType(Kind.DATE), Mask.REDACT),
    ColumnSpec("name", "name", "name", ColumnType(Kind.TEXT)),
)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    people = {"id": [4111_1111_1111_1234, None], "born": [date(1999, 12, 31), None], "name": ["Ana", "Bo"]}
    pq.write_table(pa.table(people), tmp_path / "a.parquet")
    return tmp_path


@pytest.mark.parametrize("table_format", Format)
def test_every_format_takes_masked_columns(rows: Path, table_format: Format) -> None:
    outcome = run(rows, TableOptions(table_format), [], COLUMNS)
    assert isinstance(outcome, Built), outcome
    content = (rows / outcome.artifact.key).read_bytes()
    assert b"4111" not in content
    assert b"1999" not in content
    assert outcome.stats.rows_written == 2


def test_the_rows_of_a_file_with_masked_columns(rows: Path) -> None:
    outcome = run(rows, TableOptions(Format.JSONL), [], COLUMNS)
    assert isinstance(outcome, Built), outcome
    lines = (rows / outcome.artifact.key).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": "************1234", "born": "***", "name": "Ana"},
        {"id": None, "born": None, "name": "Bo"},
    ]


def test_without_a_key_no_file_is_made(rows: Path) -> None:
    outcome = run(rows, TableOptions(Format.CSV), [], (replace(COLUMNS[2], mask=Mask.HASH),))
    assert isinstance(outcome, Failure)
    assert outcome.code == "MASK_KEY_MISSING"
    assert [path.name for path in rows.iterdir() if path.is_file()] == ["a.parquet"]
