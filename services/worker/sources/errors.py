"""How reading a source fails."""

from services.runtime.nearest import shown

SOURCE_UNKNOWN = "SOURCE_UNKNOWN"
SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
SOURCE_CHANGED = "SOURCE_CHANGED"
RELATION_MISSING = "RELATION_MISSING"
RELATION_INVALID = "RELATION_INVALID"
COLUMN_MISSING = "COLUMN_MISSING"
VALUE_INVALID = "VALUE_INVALID"
LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
MASK_KEY_MISSING = "MASK_KEY_MISSING"
READING_TOO_LONG = "READING_TOO_LONG"
ORDER_NOT_BY_KEY = "ORDER_NOT_BY_KEY"
READING_UNSUPPORTED = "READING_UNSUPPORTED"
SOURCE_REFUSED = "SOURCE_REFUSED"
ADDRESS_REFUSED = "ADDRESS_REFUSED"
LINK_FOREIGN = "LINK_FOREIGN"
PAGES_ENDLESS = "PAGES_ENDLESS"
PAGE_TOO_LARGE = "PAGE_TOO_LARGE"
ROWS_MISSING = "ROWS_MISSING"
ROWS_TOO_WIDE = "ROWS_TOO_WIDE"

_RETRYABLE = frozenset({SOURCE_UNAVAILABLE, SOURCE_CHANGED, ROWS_MISSING})


class SourceFailed(Exception):
    """A source that cannot be read as the spec asks.

    `message` is safe to show to callers: ids, columns, row numbers and files by their place below the root of a
    source, never an address, another path, SQL or the text of another exception; what caused it is chained for the log.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    @property
    def retryable(self) -> bool:
        """Whether the same reading may go well later; what the catalog or the rows have wrong stays wrong."""
        return self.code in _RETRYABLE

    def __reduce__(self) -> tuple[type["SourceFailed"], tuple[str, str]]:
        """Keep both arguments when the failure travels between processes."""
        return SourceFailed, (self.code, self.message)


def unknown(source_id: str, kind: str) -> SourceFailed:
    """The worker has no such source, or one of another kind."""
    return SourceFailed(SOURCE_UNKNOWN, f"This worker has no source {source_id!r} of kind {kind!r}.")


def unavailable(source_id: str) -> SourceFailed:
    """The source does not answer, or broke off."""
    return SourceFailed(SOURCE_UNAVAILABLE, f"The source {source_id!r} cannot be read now.")


def changed(source_id: str) -> SourceFailed:
    """The source was replaced in the middle of a reading."""
    return SourceFailed(SOURCE_CHANGED, f"The source {source_id!r} changed while it was being read.")


def relation_missing(source_id: str) -> SourceFailed:
    """The table or files of the collection are not there, or its query cannot be run."""
    return SourceFailed(RELATION_MISSING, f"The source {source_id!r} does not hold the rows of this collection.")


def relation_invalid(source_id: str, kind: str) -> SourceFailed:
    """The files are there and are not what they should be."""
    return SourceFailed(RELATION_INVALID, f"The source {source_id!r} holds a file that cannot be read as {kind}.")


def file_refused(source_id: str, path: str, why: str) -> SourceFailed:
    """A file below the source's root must not be read: `path` from there."""
    return SourceFailed(RELATION_INVALID, f"The source {source_id!r} holds {shown(path)!r}, which {why}.")


def column_missing(source_id: str, columns: list[str]) -> SourceFailed:
    """The relation is there and lacks these columns."""
    return SourceFailed(COLUMN_MISSING, f"The source {source_id!r} lacks: {', '.join(columns)}.")


def value_invalid(column: str, type_: object, row: int = 0) -> SourceFailed:
    """A value that is not of its column's type; `row` counts from 1 in the order of the reading, 0 is not known."""
    where = f" in row {row}" if row else ""
    return SourceFailed(VALUE_INVALID, f"Column {column!r} holds a value{where} that is not {type_}.")


def limit_exceeded(limit: str, most: int, count: str) -> SourceFailed:
    """The collection's limit on an export is exceeded; `count` says how many rows there are."""
    return SourceFailed(LIMIT_EXCEEDED, f"The filter matches {count} rows; the limit {limit} is {most}.")


def mask_key_missing(columns: list[str]) -> SourceFailed:
    """Columns are to be hashed, and this worker was given no key."""
    return SourceFailed(MASK_KEY_MISSING, f"This worker has no key to mask: {', '.join(columns)}.")


def refused(source_id: str, status: int) -> SourceFailed:
    """A server refuses the request, and will again."""
    return SourceFailed(SOURCE_REFUSED, f"The source {source_id!r} refuses the request with status {status}.")


def address_refused(source_id: str) -> SourceFailed:
    """The host of a server leads to an address that is not public."""
    return SourceFailed(ADDRESS_REFUSED, f"The source {source_id!r} is at a private address, which is not allowed.")


def link_foreign(source_id: str) -> SourceFailed:
    """A link or a redirect leads to another host, port or scheme."""
    return SourceFailed(LINK_FOREIGN, f"The source {source_id!r} gives a link that leads to another server.")


def pages_endless(source_id: str, pages: int) -> SourceFailed:
    """The pages of an API come round again, or are more than allowed."""
    return SourceFailed(PAGES_ENDLESS, f"The source {source_id!r} does not come to an end after {pages} page(s).")


def page_too_large(source_id: str, most: int) -> SourceFailed:
    """An answer of an API is larger than allowed."""
    return SourceFailed(PAGE_TOO_LARGE, f"The source {source_id!r} gives a page of more than {most} bytes.")


def rows_missing(source_id: str, total: int, received: int) -> SourceFailed:
    """A source ended before the number of rows that it had stated."""
    return SourceFailed(ROWS_MISSING, f"The source {source_id!r} stated {total} rows and gave {received}.")


def rows_too_wide(source_id: str) -> SourceFailed:
    """The rows of files do not fit into the memory that a job may take for reading and sorting them."""
    return SourceFailed(ROWS_TOO_WIDE, f"The rows of {source_id!r} are too wide to be read or sorted in this order.")


def answer_invalid(source_id: str, what: str) -> SourceFailed:
    """The answer of an API is not what the catalog says."""
    return SourceFailed(RELATION_INVALID, f"An answer of the source {source_id!r} lacks {what}.")


def answer_beyond(source_id: str, what: str) -> SourceFailed:
    """The answer of an API is JSON, with something in it that goes beyond all bounds."""
    return SourceFailed(RELATION_INVALID, f"An answer of the source {source_id!r} holds {what}.")


def unsorted(source_id: str, columns: list[str]) -> SourceFailed:
    """The source cannot give its rows in this order."""
    return SourceFailed(RELATION_INVALID, f"The source {source_id!r} cannot sort by: {', '.join(columns)}.")


def too_long(source_id: str) -> SourceFailed:
    """The source's or the collection's bound of time was reached."""
    return SourceFailed(READING_TOO_LONG, f"Reading the source {source_id!r} takes longer than it is allowed to.")


def order_not_by_key(key: tuple[str, ...]) -> SourceFailed:
    """A keyset reading follows the key, and another order was asked for."""
    return SourceFailed(
        ORDER_NOT_BY_KEY, f"This collection is read by its key: its only order is {', '.join(key)}, ascending."
    )


def reading_unsupported(source_id: str) -> SourceFailed:
    """The source has no keyset reading."""
    return SourceFailed(READING_UNSUPPORTED, f"The source {source_id!r} is read as a snapshot only.")


def key_ambiguous(source_id: str, columns: list[str]) -> SourceFailed:
    """What should identify a row does not."""
    return SourceFailed(RELATION_INVALID, f"The source {source_id!r} has several rows with one {', '.join(columns)}.")
