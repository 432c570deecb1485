"""A whole job in this process: Parquet files in, one file out."""

import gzip
import hashlib
import shutil
import threading
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import python_calamine

from services.contract.formats import Compression, CsvDialect, Format
from services.contract.job import Job, LeaseRef
from services.contract.outcome import Built, Failure, Phase, Progress
from services.contract.spec import ColumnSpec, ColumnType, JobSpec, Kind, Relation, SourceRef, TableOptions
from services.contract.store import artifact_prefix
from services.worker.artifacts.settings import FolderStore
from services.worker.child import job
from services.worker.concurrency.threads import THREADS
from services.worker.order import Order, Outcome
from services.worker.sources.access import RowOptions
from services.worker.sources.files.settings import ParquetSettings
from services.worker.sources.sources import Sources
from tests.tiers import deep_but

ROWS = 200_000
COLUMNS = (
    ColumnSpec("n", "n", "n", ColumnType(Kind.INTEGER)),
    ColumnSpec("t", "t", "t", ColumnType(Kind.TEXT)),
)


@pytest.fixture(scope="module")
def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"n": range(ROWS), "t": [f"text {n}" for n in range(ROWS)]}), sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def rows(tmp_path: Path, parquet: bytes) -> Path:
    (tmp_path / "a.parquet").write_bytes(parquet)
    return tmp_path


def run(
    folder: Path,
    table: TableOptions,
    heard: list[Progress],
    columns=COLUMNS,
    *,
    attempt=1,
    kind=Sources,
    threads=THREADS,
) -> Outcome:
    spec = JobSpec("Things", SourceRef("f", "parquet"), Relation(path="a.parquet"), (), columns, (), table, "things")
    never, lease = timedelta(0), LeaseRef("export", "lease")
    scratch = folder / "scratch"
    scratch.mkdir()
    given = Job(lease, attempt, 3, never, never, never, spec, artifact_prefix(lease), store_id="")
    sources = kind({"f": ParquetSettings("f", folder)})
    order = Order(given, FolderStore(folder), scratch, "reference", sources, report_interval_s=0, threads=threads)
    return job.run(order, heard.append)


def built(folder: Path, table: TableOptions) -> tuple[Built, bytes]:
    outcome = run(folder, table, [])
    assert isinstance(outcome, Built), outcome
    return outcome, (folder / outcome.artifact.key).read_bytes()


@pytest.fixture(autouse=True)
def _no_thread_stays():
    before = {*threading.enumerate()}  # stores of other tests in this process have threads, too
    yield
    assert [t.name for t in threading.enumerate() if t not in before and t.name.startswith("exportd")] == []


@pytest.mark.parametrize("table_format", Format)
def test_the_artifact_is_the_file_with_its_size_and_hash(rows, table_format):
    outcome, content = built(rows, TableOptions(table_format))
    assert outcome.artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert outcome.artifact.size_bytes == len(content)
    assert outcome.artifact.extension == table_format.value.lower()
    assert outcome.stats.rows_written == outcome.stats.rows_matched == ROWS


class Watched(Sources):
    """Sources that note how carefully they are read."""

    careful: ClassVar[list[bool]] = []

    def open_rows(self, ref, options=RowOptions()):  # noqa: B008 - frozen
        self.careful.append(options.careful)
        return super().open_rows(ref, options)


def test_what_may_have_ended_a_process_is_not_tried_twice(rows):
    table = TableOptions(Format.PARQUET)  # text of whole files is read in a way that is not tried twice at all
    quickly = run(rows, table, [], kind=Watched)
    (rows / "scratch").rmdir()
    carefully = run(rows, table, [], attempt=2, kind=Watched)
    assert isinstance(quickly, Built)
    assert isinstance(carefully, Built)
    assert carefully.artifact.sha256 == quickly.artifact.sha256
    assert Watched.careful == [False, True]


class Counting(list[Progress]):
    """Counts the threads of a stage while there is progress."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.most = 0

    def append(self, progress: Progress) -> None:
        super().append(progress)
        self.most = max(self.most, sum(t.name.startswith(self._prefix) for t in threading.enumerate()))


@pytest.mark.parametrize(
    ("table", "stage"),
    [
        (TableOptions(Format.CSV), "lines"),
        (TableOptions(Format.JSONL), "lines"),
        (TableOptions(Format.XLSX), "xlsx"),
        (TableOptions(Format.CSV, compression=Compression.GZIP), "exportd-gzip"),
    ],
)
@pytest.mark.parametrize("threads", deep_but([1, 5], 5))
def test_the_rows_are_the_same_however_many_threads_each_stage_has(rows, tmp_path_factory, table, stage, threads):
    elsewhere, heard = tmp_path_factory.mktemp("other"), Counting(stage)
    shutil.copyfile(rows / "a.parquet", elsewhere / "a.parquet")
    one = run(elsewhere, table, heard, threads=threads)
    other, content = built(rows, table)
    assert isinstance(one, Built)
    assert 1 <= heard.most <= threads
    if table.format is Format.XLSX:
        pages = [
            python_calamine.load_workbook(folder / made.artifact.key)
            for folder, made in ((elsewhere, one), (rows, other))
        ]
        assert pages[0].get_sheet_by_index(0).to_python() == pages[1].get_sheet_by_index(0).to_python()
    elif table.compression is Compression.GZIP:
        assert gzip.decompress((elsewhere / one.artifact.key).read_bytes()) == gzip.decompress(content)
    else:
        assert (elsewhere / one.artifact.key).read_bytes() == content


@pytest.mark.parametrize("table_format", [Format.CSV, Format.JSON, Format.JSONL])
def test_a_gzipped_file_is_the_bare_one_compressed(rows, tmp_path_factory, table_format):
    outcome, content = built(rows, TableOptions(table_format, compression=Compression.GZIP))
    assert (outcome.artifact.extension, outcome.artifact.media_type) == (
        f"{table_format.value.lower()}.gz",
        "application/gzip",
    )
    assert outcome.artifact.sha256 == hashlib.sha256(content).hexdigest()
    elsewhere = tmp_path_factory.mktemp("bare")
    shutil.copyfile(rows / "a.parquet", elsewhere / "a.parquet")
    assert gzip.decompress(content) == built(elsewhere, TableOptions(table_format))[1]


def test_the_dialect_reaches_the_file(rows):
    outcome, content = built(rows, TableOptions(Format.CSV, csv=CsvDialect(delimiter="¦", header=False)))
    assert content.decode().startswith("0¦text 0\r\n1¦text 1\r\n")
    assert outcome.stats.rows_written == ROWS


def test_parquet_comes_out_as_it_went_in(rows):
    outcome, _ = built(rows, TableOptions(Format.PARQUET))
    both = (rows / outcome.artifact.key, rows / "a.parquet")
    assert duckdb.sql(f"from '{both[0]}' except all from '{both[1]}'").fetchall() == []
    assert pq.read_table(both[0]).column("n").to_pylist() == list(range(ROWS))


@pytest.mark.parametrize("table_format", Format)
def test_rows_bytes_and_the_time_left_are_reported(rows, table_format):
    heard: list[Progress] = []
    outcome = run(rows, TableOptions(table_format), heard)
    assert isinstance(outcome, Built)
    writing = [p for p in heard if p.phase is Phase.WRITING]
    halfway = [p for p in writing if 0 < p.rows_written < ROWS and p.bytes_written > 0]
    assert halfway
    if len({p.rows_written for p in halfway}) > 1:  # Parquet comes in so few parts that there may be no rate
        assert any(p.eta for p in halfway)
    assert all(p.rows_total == ROWS for p in writing)
    counts = [p.rows_written for p in heard]
    assert counts == sorted(counts)
    assert heard[-1].bytes_written == outcome.artifact.size_bytes


def test_a_source_that_breaks_in_the_middle_fails_the_job(rows):
    texts = [*map(str, range(ROWS)), "no number"]
    pq.write_table(pa.table({"n": texts, "t": texts}), rows / "a.parquet", row_group_size=50_000)
    failure = run(rows, TableOptions(Format.CSV), [])
    assert isinstance(failure, Failure)
    assert failure.code == "VALUE_INVALID"


def test_a_value_that_the_format_cannot_hold_fails_the_job_while_the_source_is_being_read(rows):
    far = pa.array([0, 2**31 - 2] * (ROWS // 2), pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({"n": far, "t": far}), rows / "a.parquet")
    columns = (ColumnSpec("n", "n", "n", ColumnType(Kind.DATE)),)
    failure = run(rows, TableOptions(Format.CSV, compression=Compression.GZIP), [], columns)
    assert isinstance(failure, Failure)
    assert failure.code == "DATE_OUT_OF_RANGE"
