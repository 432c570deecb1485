"""What a worker needs to build one export, frozen when the export was created. It holds no secret."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from services.contract.formats import Compression, CsvDialect, Format, Packaging, XlsxLayout


class Kind(Enum):
    """Kind of a column's values."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    JSON = "json"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """Type of a column. `precision` (1 to 38 digits) and `scale` (0 to precision) are for decimals, else 0."""

    kind: Kind
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.kind is Kind.DECIMAL else self.kind.value


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of the table: its `name` in the source, its `field` in JSON, its `header` in XLSX and CSV."""

    name: str
    field: str
    header: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A source by its id in the worker's settings, and the kind that it must have there (sql, parquet, csv)."""

    id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Relation:
    """The rows to read: exactly one of a `table` or a `query` (sql) and a `path` below the source's root (files)."""

    table: str = ""
    query: str = ""
    path: str = ""


class Operator(Enum):
    """How a term compares its column with its values. A null never matches."""

    EQUALS = "="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


Value = str | int | Decimal | float | bool | date | datetime


@dataclass(frozen=True, slots=True)
class Term:
    """One column compared with `values`: all are of the column's type; one of them, or with EQUALS any of several."""

    column: str
    type: ColumnType
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every one of the filters holds; with none: true."""

    filters: tuple["Filter", ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the filters holds; with none: false."""

    filters: tuple["Filter", ...] = ()


Filter = All | AnyOf | Term


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One term of the order; nulls come last either way."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class AttachmentSpec:
    """Attachments of one file type: `path` is below the root of `source`; its {placeholders} are source columns."""

    file_type: str
    source: SourceRef
    path: str


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How the table is written; `time_zone` is an IANA name."""

    format: Format
    time_zone: str = "UTC"
    csv: CsvDialect = field(default_factory=CsvDialect)
    xlsx: XlsxLayout = field(default_factory=XlsxLayout)
    compression: Compression = Compression.NONE


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job, complete: later changes of the catalog do not touch it.

    `key` names the source columns that identify a row; `order` ends with them, so that it is total. Without a key,
    which only files may lack, the place in the files does both. `table_name` has no extension. `query` is the filter
    as understood, for people.
    """

    collection: str
    source: SourceRef
    relation: Relation
    key: tuple[str, ...]
    columns: tuple[ColumnSpec, ...]
    order: tuple[OrderTerm, ...]
    table: TableOptions
    table_name: str
    filter: Filter = field(default_factory=All)
    attachments: tuple[AttachmentSpec, ...] = ()
    packaging: Packaging = Packaging.AUTO
    query: str = ""
