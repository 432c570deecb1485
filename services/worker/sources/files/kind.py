"""Sources of kind parquet and csv."""

from services.worker.sources.files.settings import CsvSettings, ParquetSettings, read_csv, read_parquet
from services.worker.sources.kind import SourceKind

PARQUET = SourceKind(
    ParquetSettings,
    read_parquet,
    "services.worker.sources.files.access",
    introspection="services.worker.sources.files.introspect",
    rows=True,
)
CSV = SourceKind(
    CsvSettings,
    read_csv,
    "services.worker.sources.files.access",
    introspection="services.worker.sources.files.introspect",
    rows=True,
)
