"""Sources of kind parquet and csv."""

from services.worker.ports import Source
from services.worker.sources.files.check import check
from services.worker.sources.files.introspect import tables
from services.worker.sources.files.settings import CsvSettings, FileSettings, ParquetSettings, read_csv, read_parquet
from services.worker.sources.files.source import FileSource
from services.worker.sources.kind import RowOptions, SourceKind


def _open_rows(settings: FileSettings, options: RowOptions) -> Source:
    return FileSource(settings, options)


PARQUET = SourceKind(ParquetSettings, read_parquet, open_rows=_open_rows, introspect=tables, check=check)
CSV = SourceKind(CsvSettings, read_csv, open_rows=_open_rows, introspect=tables, check=check)
