"""The warm-up of a child, so that the first job does not have to wait for it."""

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from services.contract.formats import Format
from services.contract.job import Job, LeaseRef
from services.contract.outcome import Failure
from services.contract.spec import ColumnSpec, ColumnType, JobSpec, Kind, OrderTerm, Relation, SourceRef, TableOptions
from services.contract.store import artifact_prefix
from services.runtime import logs
from services.worker.artifacts.settings import FolderStore
from services.worker.child import job
from services.worker.order import Order
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.sources import Sources
from services.worker.sources.sql.sqlite.settings import SqliteSettings

_NEVER = timedelta(0)
_SQL = JobSpec(
    collection="warm-up",
    source=SourceRef("sql", "sql"),
    relation=Relation(query="select 1 as id, 'warm' as name"),
    key=("id",),
    columns=(
        ColumnSpec("id", "id", "id", ColumnType(Kind.INTEGER)),
        ColumnSpec("name", "name", "name", ColumnType(Kind.TEXT)),
    ),
    order=(OrderTerm("id"),),
    table=TableOptions(Format.CSV),
    table_name="warm-up",
)
_FILE = replace(
    _SQL, source=SourceRef("csv", "csv"), relation=Relation(path="rows.csv"), table=TableOptions(Format.XLSX)
)
_WHOLE_FILE = replace(_SQL, source=SourceRef("parquet", "parquet"), relation=Relation(path="rows.parquet"), order=())


def up(log_format: str) -> None:
    """Set up the log, then build some tiny files. The first use of a library takes far longer than later ones."""
    logs.configure("worker", log_format)
    for number, spec in enumerate((_SQL, _FILE, _WHOLE_FILE)):
        with tempfile.TemporaryDirectory(prefix="exportd-warm-") as folder:
            _build(spec, str(number), Path(folder))


def _build(spec: JobSpec, number: str, folder: Path) -> None:
    (folder / "empty.sqlite3").touch()  # an empty file is an empty database
    (folder / "rows.csv").write_text("id,name\n1,warm\n")
    pq.write_table(pa.table({"id": [1], "name": ["warm"]}), folder / "rows.parquet")
    sources = Sources(
        {
            "sql": SqliteSettings("sql", folder / "empty.sqlite3"),
            "csv": CsvSettings("csv", folder),
            "parquet": ParquetSettings("parquet", folder),
        }
    )
    lease = LeaseRef("warm-up", number)
    prefix = artifact_prefix(lease)
    handed = Job(lease, 1, 1, _NEVER, _NEVER, _NEVER, spec, prefix, store_id="")
    outcome = job.run(Order(handed, FolderStore(folder), folder, "warm-up", sources), lambda _: None)
    if isinstance(outcome, Failure):
        logs.get().error("warm_up_failed", code=outcome.code, message=outcome.message)
