"""The failures of reading a source."""

from services.contract.codes import FailureCode
from services.runtime.nearest import shown


class SourceFailed(Exception):
    """A source cannot be read as the spec asks.

    `message` may be shown to callers. It names ids, columns, row numbers, and files by their path below the source's
    root. It never contains an address, another path, SQL or the text of another exception. The cause is chained for the
    log.
    """

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type["SourceFailed"], tuple[FailureCode, str]]:
        """Keep both arguments when the failure is pickled."""
        return SourceFailed, (self.code, self.message)


class DriverError(Exception):
    """An error of a database or its driver. Its text is fit for the log: it has no secret and no value of a row."""


def unknown(source_id: str, kind: str) -> SourceFailed:
    """The worker has no such source, or the source is of another kind."""
    return SourceFailed(FailureCode.SOURCE_UNKNOWN, f"This worker has no source {source_id!r} of kind {kind!r}.")


def unavailable(source_id: str, why: str = "") -> SourceFailed:
    """The source does not answer, or it ended the connection. `why` is safe to show, such as an error of TLS."""
    reason = f": {why}" if why else ""
    return SourceFailed(FailureCode.SOURCE_UNAVAILABLE, f"The source {source_id!r} cannot be read now{reason}.")


def locked(source_id: str) -> SourceFailed:
    """Another session, such as a migration, holds a lock that the reading has to wait for."""
    return SourceFailed(
        FailureCode.SOURCE_UNAVAILABLE, f"The source {source_id!r} cannot be read now: the data is locked there."
    )


def changed(source_id: str) -> SourceFailed:
    """The source was replaced while it was being read."""
    return SourceFailed(FailureCode.SOURCE_CHANGED, f"The source {source_id!r} changed while it was being read.")


def relation_missing(source_id: str) -> SourceFailed:
    """The table or the files of the collection do not exist."""
    return SourceFailed(
        FailureCode.RELATION_MISSING, f"The source {source_id!r} does not hold the rows of this collection."
    )


def permission_denied(source_id: str) -> SourceFailed:
    """The account has no right to select the rows of the collection."""
    return SourceFailed(
        FailureCode.PERMISSION_DENIED,
        f"The account that reads the source {source_id!r} may not select the rows of this collection.",
    )


def columns_denied(source_id: str, columns: list[str]) -> SourceFailed:
    """The account has no right to select these columns."""
    return SourceFailed(
        FailureCode.PERMISSION_DENIED,
        f"The account that reads the source {source_id!r} may not select: {', '.join(columns)}.",
    )


def function_missing(source_id: str) -> SourceFailed:
    """The database lacks something that the table or the query of the collection needs."""
    return SourceFailed(
        FailureCode.FUNCTION_MISSING,
        f"The source {source_id!r} lacks a function, type, collation or extension that this collection needs.",
    )


def name_ambiguous(source_id: str) -> SourceFailed:
    """Several columns or tables have the same name. The message of the database says which."""
    return SourceFailed(
        FailureCode.NAME_AMBIGUOUS,
        f"The source {source_id!r} has several columns with the same name for this collection.",
    )


def query_invalid(source_id: str) -> SourceFailed:
    """The database refuses the statement. The log has its reason."""
    return SourceFailed(FailureCode.QUERY_INVALID, f"The source {source_id!r} cannot run the query of this collection.")


def relation_invalid(source_id: str, kind: str) -> SourceFailed:
    """The files exist, but cannot be read as files of this kind."""
    return SourceFailed(
        FailureCode.RELATION_INVALID, f"The source {source_id!r} holds a file that cannot be read as {kind}."
    )


def file_refused(source_id: str, path: str, why: str) -> SourceFailed:
    """A file below the source's root must not be read. `path` is relative to the root."""
    return SourceFailed(FailureCode.RELATION_INVALID, f"The source {source_id!r} holds {shown(path)!r}, which {why}.")


def file_faulty(source_id: str, path: str, line: int, why: str) -> SourceFailed:
    """A file below the source's root cannot be read from `line` on. Lines count from 1; 0 means not known."""
    where = f"line {line} of {shown(path)!r}" if line else repr(shown(path))
    return SourceFailed(
        FailureCode.RELATION_INVALID, f"The source {source_id!r} holds a file that cannot be read: {where} {why}."
    )


def column_missing(source_id: str, columns: list[str], hint: str = "") -> SourceFailed:
    """The relation exists, but lacks these columns."""
    return SourceFailed(FailureCode.COLUMN_MISSING, f"The source {source_id!r} lacks: {', '.join(columns)}.{hint}")


def column_ambiguous(source_id: str, column: str) -> SourceFailed:
    """Several columns have names that differ by case only."""
    return SourceFailed(
        FailureCode.NAME_AMBIGUOUS,
        f"The source {source_id!r} has several columns that are called {shown(column)!r}, but for case.",
    )


def name_not_utf8(source_id: str) -> SourceFailed:
    """The query gives a column whose name is not UTF-8, so nothing can refer to it."""
    return SourceFailed(
        FailureCode.QUERY_INVALID,
        f"The query of this collection gives a column of the source {source_id!r} whose name is not UTF-8:"
        " select the others by their names.",
    )


MAX_VALUE_CHARACTERS = 100
"""Longest value in a message."""


def value_invalid(column: str, type_: object, row: int = 0, value: str | None = None, key: str = "") -> SourceFailed:
    """A value is not of its column's type. `row` counts from 1 in the order of the rows that match; 0 means not known.

    Pass `value` and `key` only if whoever asked for the row may see them. They are shortened.
    """
    where = f" in row {row}" if row else ""
    what = f": {cut(value)}" if value is not None else ""
    of_key = f", where {key}" if key else ""
    message = f"Column {column!r} holds a value{where} that is not {type_}{what}{of_key}."
    return SourceFailed(FailureCode.VALUE_INVALID, message)


def undecidable(column: str, type_: object, value: str | None = None, key: str = "") -> SourceFailed:
    """A value is not of its column's type, and whether its row matches depends on it.

    `value` and `key` are as in value_invalid.
    """
    what = f": {cut(value)}" if value is not None else ""
    of_key = f", where {key}" if key else ""
    return SourceFailed(
        FailureCode.VALUE_INVALID,
        f"Column {column!r}, which the filter compares, holds a value that is not {type_}{what}{of_key}.",
    )


def cut(value: str) -> str:
    """Quote a value, escape its control characters, and shorten a long one with an ellipsis."""
    return repr(value if len(value) <= MAX_VALUE_CHARACTERS else f"{value[:MAX_VALUE_CHARACTERS]}…")


def value_unconvertible(source_id: str) -> SourceFailed:
    """The source's server cannot convert a value. It does not say which one."""
    return SourceFailed(FailureCode.VALUE_INVALID, f"The source {source_id!r} holds a value it cannot convert.")


def limit_exceeded(limit: str, most: int, count: str) -> SourceFailed:
    """The collection's limit for an export is exceeded. `count` is the number of rows as text."""
    return SourceFailed(FailureCode.LIMIT_EXCEEDED, f"The filter matches {count} rows; the limit {limit} is {most}.")


def mask_key_missing(columns: list[str]) -> SourceFailed:
    """Columns must be hashed, and this worker has no mask key."""
    return SourceFailed(FailureCode.MASK_KEY_MISSING, f"This worker has no mask key for: {', '.join(columns)}.")


def refused(source_id: str, status: int) -> SourceFailed:
    """The server refuses the request. Retrying does not help."""
    return SourceFailed(
        FailureCode.SOURCE_REFUSED, f"The source {source_id!r} refuses the request with status {status}."
    )


def address_refused(source_id: str) -> SourceFailed:
    """The host of a server resolves to an address that is not public."""
    return SourceFailed(
        FailureCode.ADDRESS_REFUSED, f"The source {source_id!r} is at a private address, which is not allowed."
    )


def link_foreign(source_id: str) -> SourceFailed:
    """A link or a redirect leads to another host, port or scheme."""
    return SourceFailed(FailureCode.LINK_FOREIGN, f"The source {source_id!r} returns a link to another server.")


def pages_endless(source_id: str, pages: int) -> SourceFailed:
    """The pages of an API repeat, or there are more pages than allowed."""
    return SourceFailed(FailureCode.PAGES_ENDLESS, f"The source {source_id!r} did not end after {pages} page(s).")


def page_too_large(source_id: str, most: int) -> SourceFailed:
    """An answer of an API is larger than allowed."""
    return SourceFailed(FailureCode.PAGE_TOO_LARGE, f"The source {source_id!r} gives a page of more than {most} bytes.")


def page_too_dense(source_id: str, memory: int, most: int) -> SourceFailed:
    """An answer of an API has so many values that reading it takes more memory than allowed."""
    return SourceFailed(
        FailureCode.PAGE_TOO_LARGE,
        f"The source {source_id!r} gives a page whose values take {memory} bytes of memory; {most} are allowed.",
    )


def rows_missing(source_id: str, total: int, received: int) -> SourceFailed:
    """The source gave fewer rows than it had stated."""
    return SourceFailed(FailureCode.ROWS_MISSING, f"The source {source_id!r} stated {total} rows and gave {received}.")


def rows_too_wide(source_id: str) -> SourceFailed:
    """The rows of files do not fit into the memory that a job may use for reading and sorting them."""
    return SourceFailed(
        FailureCode.ROWS_TOO_WIDE, f"The rows of {source_id!r} are too wide to be read or sorted in this order."
    )


def answer_invalid(source_id: str, what: str) -> SourceFailed:
    """An answer of an API lacks something that the catalog names."""
    return SourceFailed(FailureCode.RELATION_INVALID, f"An answer of the source {source_id!r} lacks {what}.")


def answer_beyond(source_id: str, what: str) -> SourceFailed:
    """An answer of an API is valid JSON with content that exceeds a limit."""
    return SourceFailed(FailureCode.RELATION_INVALID, f"An answer of the source {source_id!r} holds {what}.")


def unsorted(source_id: str, columns: list[str]) -> SourceFailed:
    """The source cannot return its rows in this order."""
    return SourceFailed(FailureCode.RELATION_INVALID, f"The source {source_id!r} cannot sort by: {', '.join(columns)}.")


def too_long(source_id: str) -> SourceFailed:
    """The time limit of the source or of the collection was exceeded."""
    return SourceFailed(FailureCode.READING_TOO_LONG, f"Reading the source {source_id!r} exceeded its time limit.")


def order_not_by_key(key: tuple[str, ...]) -> SourceFailed:
    """Keyset reading returns rows in the order of the key, and the request asks for another order."""
    return SourceFailed(
        FailureCode.ORDER_NOT_BY_KEY,
        f"This collection is read by its key: its only order is {', '.join(key)}, ascending.",
    )


def reading_unsupported(source_id: str) -> SourceFailed:
    """The source does not support keyset reading."""
    return SourceFailed(FailureCode.READING_UNSUPPORTED, f"The source {source_id!r} can only be read as a snapshot.")


def key_ambiguous(source_id: str, columns: list[str]) -> SourceFailed:
    """The columns that should identify a row do not."""
    return SourceFailed(
        FailureCode.RELATION_INVALID, f"The source {source_id!r} has several rows with one {', '.join(columns)}."
    )
