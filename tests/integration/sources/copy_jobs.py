"""Whole jobs from PostgreSQL to CSV: as lines that the server writes, and through Arrow."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.contract.formats import CsvDialect, Format
from services.contract.job import Job, LeaseRef
from services.contract.outcome import Built
from services.contract.spec import JobSpec, TableOptions
from services.contract.store import artifact_prefix
from services.worker.artifacts.settings import FolderStore
from services.worker.child import job
from services.worker.order import Order, Outcome
from services.worker.sources.access import RowOptions
from services.worker.sources.sources import Sources
from services.worker.sources.sql.postgres.settings import PostgresSettings
from tests.integration.sources.source_specs import spec_of


def source(url: str, **more: Any) -> Sources:
    return Sources({"things": PostgresSettings("things", url, **more)})


def csv_spec(columns: dict[str, str], dialect: CsvDialect | None = None, **more: Any) -> JobSpec:
    table = TableOptions(Format.CSV, csv=dialect or CsvDialect())
    return replace(spec_of("sql", columns), table=table, **more)


def is_lined(sources: Sources, spec: JobSpec) -> bool:
    """Whether the server is to write the lines."""
    with sources.open_lines(spec) as reading:
        return reading is not None


def run(sources: Sources, spec: JobSpec, folder: Path) -> tuple[Outcome, bytes]:
    """What comes of a job, and the bytes of its table."""
    scratch, root = folder / "scratch", folder / "root"
    for each in (scratch, root):
        each.mkdir(exist_ok=True)
    now = timedelta(0)
    given = Job(LeaseRef("e", "1"), 1, 1, now, now, now, spec, artifact_prefix(LeaseRef("e", "1")), store_id="")
    done = job.run(Order(given, FolderStore(root), scratch, "reference", sources), lambda _: None)
    return done, _table(root / done.artifact.key) if isinstance(done, Built) else b""


def _table(file: Path) -> bytes:
    content = file.read_bytes()
    if file.suffix == ".gz":
        return gzip.decompress(content)
    if file.suffix != ".zip":
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("things.csv")


def run_through_arrow(sources: Sources, spec: JobSpec, folder: Path) -> tuple[Outcome, bytes]:
    """As `run`, by the other way."""
    return run(NeverLines(sources.by_id, sources.mask_key), spec, folder)


class NeverLines(Sources):
    """Sources that write no lines."""

    @contextmanager
    def open_lines(self, _: JobSpec, __: RowOptions | None = None) -> Iterator[None]:
        yield None
