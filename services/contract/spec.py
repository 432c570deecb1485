"""What a worker needs to build one export, fixed when the export is created. It contains no secret."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from services.contract.formats import Compression, CsvDialect, Format, Packaging, XlsxLayout


class Kind(Enum):
    """The kind of a column's values."""

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
    """The type of a column. `precision` (1 to 38 digits) and `scale` (0 to precision) are for decimals, otherwise 0."""

    kind: Kind
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.kind is Kind.DECIMAL else self.kind.value


class Mask(Enum):
    """What the file has instead of a value that is not null. A masked column has the kind text in the file.

    REDACT: "***". HASH: the hexadecimal HMAC-SHA-256 of the value's text with the worker's mask key, so that equal
    values stay equal. LAST4: every character except the last four is "*", and at least half of the characters are.
    """

    REDACT = "redact"
    HASH = "hash"
    LAST4 = "last4"


class Invalid(Enum):
    """What happens to a value that is not of its column's type.

    REFUSE: the export fails (VALUE_INVALID). NULL: the file has null instead. TEXT: the file has the value's text. A
    column has one type in the file, so the whole column is text, except for json, where invalid JSON becomes a JSON
    string. In a column of text only bytes that are not UTF-8 are invalid; they become U+FFFD. NULL and TEXT are counted
    as warnings.
    """

    REFUSE = "refuse"
    NULL = "null"
    TEXT = "text"


TEXT = ColumnType(Kind.TEXT)
_ARE_TEXT = frozenset({Kind.TEXT, Kind.JSON})


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of the table: its `name` in the source, its `field` in JSON, its `header` in XLSX and CSV.

    `type` is the type in the source, `file_type` the type in the file. `invalid` None means the default of the type:
    TEXT for json, otherwise REFUSE.
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
        """Whether the whole column is text in the file, because invalid values are."""
        return self.policy is Invalid.TEXT and self.type.kind not in _ARE_TEXT

    @property
    def file_type(self) -> ColumnType:
        """The type of the values in the file. A masked column is text."""
        return TEXT if self.mask or self.becomes_text else self.type


def policy_of(type_: ColumnType, invalid: Invalid | None) -> Invalid:
    """Return what happens to a value that is not of the type. None means the default of the type."""
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

    The last four operators are for text; % and _ are ordinary characters. A word starts at the start of the text and
    after each space (U+0020).
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

    IS_NULL and IS_NOT_NULL have no values, comparisons by size have one. EQUALS and the operators of text have one or
    more; any of them may match. `ignore_case` is for EQUALS and the operators of text, on columns of text: both sides
    are compared by their Unicode case folding. With `or_null`, a null matches too.

    A value that is not of the type is not null and matches no comparison; `invalid` is as for a column of the table.
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
    """All filters must match. Without filters it is true."""

    filters: tuple["Filter", ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one filter must match. Without filters it is false."""

    filters: tuple["Filter", ...] = ()


Filter = All | AnyOf | Term


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One term of the order. Nulls come last, or first with `nulls_first`, in either direction."""

    column: str
    descending: bool = False
    nulls_first: bool = False


class Paging(Enum):
    """How the next page of an HTTP collection is found.

    NONE: there is only one page. LINK: the answer has its link. CURSOR: the answer has its cursor. PAGE: by its number,
    until a page is empty.
    """

    NONE = "none"
    LINK = "link"
    CURSOR = "cursor"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class HttpFilter:
    """A comparison that the server supports: the URL's `parameter` means `operator` on `column`.

    The server must return every row that matches, and may return more. Several values of a term repeat the parameter,
    with `[]` after its name. IS_NULL is sent as `false` and IS_NOT_NULL as `true`, as answers to "exists".
    `ignore_case`: the server ignores case; without it, terms that ignore case are not sent. A comparison that is not
    listed is decided by the worker alone.
    """

    column: str
    operator: Operator
    parameter: str
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class HttpOrder:
    """The URL's `parameter`, with the value `asc` or `desc`, sorts by `column`."""

    column: str
    parameter: str


@dataclass(frozen=True, slots=True)
class HttpPages:
    """A collection of an HTTP API, read page by page. A column's name is the dotted path of its value in an item.

    `path` is below the source's base URL and may have a query. A {column} in it is replaced by the value of the
    filter's term `column = value`, percent-encoded; rows have that value if the item has none. `items` is the dotted
    path of the list in an answer; empty means the answer itself, or its `hydra:member` or `member`.

    `next` is the dotted path of the link or cursor of the next page, which is null or absent on the last page. Empty
    with LINK means `next` of `hydra:view` or `view`, otherwise the header Link. `parameter` takes the cursor, or the
    number of a page, starting at `first_page`. `size_parameter`, unless empty, takes `page_size`. `total` is the dotted
    path of the number of all rows; empty means `hydra:totalItems` or `totalItems`, if there is one.

    Terms of the job's order that are not in `order` must be its last ones and belong to the key. Rows that are equal in
    the other terms are then in the server's own order.
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
    """The rows to read.

    Exactly one is set: `table` or `query` (sql), `path` below the source's root (files), or `http`.
    """

    table: str = ""
    query: str = ""
    path: str = ""
    http: HttpPages | None = None


class ReadingMode(Enum):
    """How a table of a database is read so that concurrent changes neither drop nor duplicate a row.

    SNAPSHOT: all rows as they were at one moment. KEYSET: in pieces, each beginning after the last key.
    """

    SNAPSHOT = "snapshot"
    KEYSET = "keyset"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the matching rows, in the order of the job: `limit` rows (at least 1) from `offset` on."""

    offset: int
    limit: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of an export: its rows, and the seconds that a snapshot is held. 0 is no limit."""

    max_rows: int = 0
    max_snapshot_s: int = 0


@dataclass(frozen=True, slots=True)
class BlobKey:
    """The condition that `column` of a blob's relation equals `row_column` of the row with the attachment."""

    column: str
    row_column: str


@dataclass(frozen=True, slots=True)
class Blob:
    """The binary `column` in the row of `relation` (a table or a query) that `key` selects.

    Null means that there is no blob.
    """

    relation: Relation
    column: str
    key: tuple[BlobKey, ...]


@dataclass(frozen=True, slots=True)
class AttachmentSpec:
    """Attachments of one file type. The {placeholders} of `path` are source columns.

    | kind of source | path |
    |---|---|
    | folder | of a file below the root |
    | object | of a key below the prefix |
    | http | of a URL below the base URL, which may have a query; values in placeholders are percent-encoded |
    | sql | a name for the file: its content is the `blob`, which no other kind has |
    """

    file_type: str
    source: SourceRef
    path: str
    blob: Blob | None = None


@dataclass(frozen=True, slots=True)
class TableOptions:
    """Options of the table's file. `time_zone` is an IANA name."""

    format: Format
    time_zone: str = "UTC"
    csv: CsvDialect = field(default_factory=CsvDialect)
    xlsx: XlsxLayout = field(default_factory=XlsxLayout)
    compression: Compression = Compression.NONE


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The complete specification of a job. Later changes of the catalog do not affect it.

    `key` names the source columns that identify a row. `order` ends with them, so that it is total. Only files may have
    no key; the place of a row in the files then serves for both. `table_name` has no extension. `query` is the filter
    as understood, for people. `page` None: every row that matches. `secret` names the source columns whose values never
    appear in messages: the tenant's, and those that the catalog masks, even if they are not in the table.
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
