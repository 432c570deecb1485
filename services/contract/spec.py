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


class Mask(Enum):
    """What stands in the file instead of a value that is not null; a masked column is of kind text there.

    REDACT: "***". HASH: the hexadecimal HMAC-SHA-256 of the value's text, keyed by the worker's settings, so that equal
    values stay equal. LAST4: every character but the last four is "*", and at least half of them are.
    """

    REDACT = "redact"
    HASH = "hash"
    LAST4 = "last4"


class Invalid(Enum):
    """What happens to a value that is not of its column's type.

    REFUSE: the export fails (VALUE_INVALID). NULL: the file has null instead. TEXT: the file has the value's text; as a
    column has one type there, all of it is text, but for json: what is no JSON is a JSON string. In a column of text
    only bytes that are not UTF-8 are invalid: their text has U+FFFD instead. NULL and TEXT are counted.
    """

    REFUSE = "refuse"
    NULL = "null"
    TEXT = "text"


TEXT = ColumnType(Kind.TEXT)
_ARE_TEXT = frozenset({Kind.TEXT, Kind.JSON})


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of the table: its `name` in the source, its `field` in JSON, its `header` in XLSX and CSV.

    `type` is that of the source, `file_type` that of the file. `invalid` None: as its type has it, REFUSE, and TEXT for
    json.
    """

    name: str
    field: str
    header: str
    type: ColumnType
    mask: Mask | None = None
    invalid: Invalid | None = None

    @property
    def policy(self) -> Invalid:
        """What happens to a value that is not of the type."""
        return policy_of(self.type, self.invalid)

    @property
    def becomes_text(self) -> bool:
        """Whether all values are text in the file, since invalid ones are."""
        return self.policy is Invalid.TEXT and self.type.kind not in _ARE_TEXT

    @property
    def file_type(self) -> ColumnType:
        """Type of its values in the file: of a masked column text."""
        return TEXT if self.mask or self.becomes_text else self.type


def policy_of(type_: ColumnType, invalid: Invalid | None) -> Invalid:
    """What happens to a value that is not of the type; None: as the type has it."""
    return invalid or (Invalid.TEXT if type_.kind is Kind.JSON else Invalid.REFUSE)


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A source by its id in the worker's settings, and the kind that it must have there.

    Rows come from sql, parquet, csv and http; attachments from folder, object, http and sql.
    """

    id: str
    kind: str


class Operator(Enum):
    """How a term compares its column with its values. A null matches only IS_NULL, or a term with `or_null`.

    The last four are for text; % and _ are ordinary characters. A word starts at the start of the text and after each
    space (U+0020).
    """

    EQUALS = "="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    IS_NULL = "is null"
    IS_NOT_NULL = "is not null"
    CONTAINS = "contains"
    STARTS_WITH = "starts with"
    ENDS_WITH = "ends with"
    WORD_STARTS_WITH = "word starts with"


Value = str | int | Decimal | float | bool | date | datetime


@dataclass(frozen=True, slots=True)
class Term:
    """One column compared with `values`, which are all of the column's type.

    IS_NULL and IS_NOT_NULL have none, comparisons by size have one, EQUALS and the operators of text have one or more:
    any of them. `ignore_case` is for EQUALS and the operators of text, on columns of text: both sides are compared by
    their Unicode case folding. `or_null`: a null matches too.

    A value that is not of the type is no null and compares with nothing; `invalid` as for a column of the table.
    """

    column: str
    type: ColumnType
    operator: Operator
    values: tuple[Value, ...]
    ignore_case: bool = False
    or_null: bool = False
    invalid: Invalid | None = None

    @property
    def policy(self) -> Invalid:
        """What happens to a value that is not of the type."""
        return policy_of(self.type, self.invalid)


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
    """One term of the order; nulls come last, or first with `nulls_first`, whichever the direction."""

    column: str
    descending: bool = False
    nulls_first: bool = False


class Paging(Enum):
    """How the next page of an HTTP collection is found.

    NONE: there is one page. LINK: its link is in the answer. CURSOR: its cursor is in the answer. PAGE: by its number,
    until a page is empty.
    """

    NONE = "none"
    LINK = "link"
    CURSOR = "cursor"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class HttpFilter:
    """A comparison that the remote knows: `parameter` of the URL stands for `operator` on `column`.

    The remote must let through every row that matches; it may let through more. Several values of a term repeat the
    parameter, with `[]` behind it. IS_NULL is sent as `false` and IS_NOT_NULL as `true`, as an answer to "exists".
    `ignore_case`: the remote does; without it, terms that ignore case are not sent. A comparison that is not here is
    decided by the worker alone.
    """

    column: str
    operator: Operator
    parameter: str
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class HttpOrder:
    """`parameter` of the URL, `asc` or `desc`, sorts by `column`."""

    column: str
    parameter: str


@dataclass(frozen=True, slots=True)
class HttpPages:
    """A collection of an HTTP API, page by page; a column's name is the dotted path of its value in an item.

    `path` is below the source's base URL, and may have a query of its own. A {column} in it is the value of the
    filter's term `column = value`, percent-encoded; each row has that value where the item itself has none. `items` is
    the dotted path of the list in an answer; empty: the answer itself, or its `hydra:member` or `member`.

    `next` is the dotted path of the link or cursor of the next page, null or absent on the last; empty with LINK:
    `next` of `hydra:view` or `view`, else the header Link. `parameter` takes the cursor, or the number of a page, which
    begins at `first_page`. `size_parameter`, unless empty, takes `page_size`. `total` is the dotted path of the number
    of all rows; empty: `hydra:totalItems` or `totalItems`, if there is one.

    Terms of the job's order that are not in `order` must be its last ones and the key: what is equal in the others then
    stands in the remote's own order.
    """

    path: str
    items: str = ""
    paging: Paging = Paging.LINK
    next: str = ""
    parameter: str = ""
    first_page: int = 1
    size_parameter: str = ""
    page_size: int = 0
    total: str = ""
    filters: tuple[HttpFilter, ...] = ()
    order: tuple[HttpOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class Relation:
    """The rows to read, by exactly one: `table` or `query` (sql), `path` below the source's root (files), `http`."""

    table: str = ""
    query: str = ""
    path: str = ""
    http: HttpPages | None = None


class ReadingMode(Enum):
    """How a table of a database is read so that changes meanwhile neither drop nor double a row.

    SNAPSHOT: all of it as it was at one moment. KEYSET: piece by piece, each beginning behind the last key.
    """

    SNAPSHOT = "snapshot"
    KEYSET = "keyset"


@dataclass(frozen=True, slots=True)
class Page:
    """Only these rows of those that match, in the order of the job: `limit` (at least 1) of them from `offset` on."""

    offset: int
    limit: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What an export may not exceed: rows, and seconds that a snapshot is held; 0: no limit."""

    max_rows: int = 0
    max_snapshot_s: int = 0


@dataclass(frozen=True, slots=True)
class BlobKey:
    """`column` of a blob's relation is equal to `row_column` of the row whose attachment is wanted."""

    column: str
    row_column: str


@dataclass(frozen=True, slots=True)
class Blob:
    """Binary `column` in the one row of `relation` (a table or a query) that `key` finds; null: there is none."""

    relation: Relation
    column: str
    key: tuple[BlobKey, ...]


@dataclass(frozen=True, slots=True)
class AttachmentSpec:
    """Attachments of one file type; the {placeholders} of `path` are source columns.

    | kind of source | path |
    |---|---|
    | folder | of a file below the root |
    | object | of a key below the prefix |
    | http | of a URL below the base URL, which may have a query; what fills a placeholder is percent-encoded |
    | sql | a name for the file: its content is the `blob`, which no other kind has |
    """

    file_type: str
    source: SourceRef
    path: str
    blob: Blob | None = None


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
    as understood, for people. `page` None: every row that matches. `secret` names the source columns of which no
    message shows a value: that of the tenant, and those that the catalog masks, also when they are not in the table.
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
    reading: ReadingMode = ReadingMode.SNAPSHOT
    limits: Limits = field(default_factory=Limits)
    page: Page | None = None
    secret: tuple[str, ...] = ()
