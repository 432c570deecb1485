"""How reading a source fails."""

from services.contract.codes import FailureCode
from services.runtime.nearest import shown


class SourceFailed(Exception):
    """A source that cannot be read as the spec asks.

    `message` is safe to show to callers: ids, columns, row numbers and files by their place below the root of a
    source, never an address, another path, SQL or the text of another exception; what caused it is chained for the log.
    """

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type["SourceFailed"], tuple[FailureCode, str]]:
        """Keep both arguments when the failure travels between processes."""
        return SourceFailed, (self.code, self.message)


class DriverError(Exception):
    """What a database or its driver says: its text is for the log, without a secret and without a value of a row."""


def unknown(source_id: str, kind: str) -> SourceFailed:
    """The worker has no such source, or one of another kind."""
    return SourceFailed(FailureCode.SOURCE_UNKNOWN, f"This worker has no source {source_id!r} of kind {kind!r}.")


def unavailable(source_id: str, why: str = "") -> SourceFailed:
    """The source does not answer, or broke off; `why` is safe to show, as a reason of TLS is."""
    reason = f": {why}" if why else ""
    return SourceFailed(FailureCode.SOURCE_UNAVAILABLE, f"The source {source_id!r} cannot be read now{reason}.")


def locked(source_id: str) -> SourceFailed:
    """Somebody else holds a lock that reading has to wait for, as a migration does."""
    return SourceFailed(
        FailureCode.SOURCE_UNAVAILABLE, f"The source {source_id!r} cannot be read now: the data is locked there."
    )


def changed(source_id: str) -> SourceFailed:
    """The source was replaced in the middle of a reading."""
    return SourceFailed(FailureCode.SOURCE_CHANGED, f"The source {source_id!r} changed while it was being read.")


def relation_missing(source_id: str) -> SourceFailed:
    """The table or the files of the collection do not exist."""
    return SourceFailed(
        FailureCode.RELATION_MISSING, f"The source {source_id!r} does not hold the rows of this collection."
    )


def permission_denied(source_id: str) -> SourceFailed:
    """The account has no right to select what the collection needs."""
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
    """The database lacks something that the table or the query of the collection is made with."""
    return SourceFailed(
        FailureCode.FUNCTION_MISSING,
        f"The source {source_id!r} lacks a function, type, collation or extension that this collection needs.",
    )


def name_ambiguous(source_id: str) -> SourceFailed:
    """Several columns or tables have one name; which, the database says."""
    return SourceFailed(
        FailureCode.NAME_AMBIGUOUS,
        f"The source {source_id!r} has several columns with the same name for this collection.",
    )


def query_invalid(source_id: str) -> SourceFailed:
    """The database refuses the statement, for a reason that its sentence in the log says."""
    return SourceFailed(FailureCode.QUERY_INVALID, f"The source {source_id!r} cannot run the query of this collection.")


def relation_invalid(source_id: str, kind: str) -> SourceFailed:
    """The files are there and are not what they should be."""
    return SourceFailed(
        FailureCode.RELATION_INVALID, f"The source {source_id!r} holds a file that cannot be read as {kind}."
    )


def file_refused(source_id: str, path: str, why: str) -> SourceFailed:
    """A file below the source's root must not be read: `path` from there."""
    return SourceFailed(FailureCode.RELATION_INVALID, f"The source {source_id!r} holds {shown(path)!r}, which {why}.")


def file_faulty(source_id: str, path: str, line: int, why: str) -> SourceFailed:
    """A file below the source's root cannot be read from `line` (from 1, 0 is not known) on."""
    where = f"line {line} of {shown(path)!r}" if line else repr(shown(path))
    return SourceFailed(
        FailureCode.RELATION_INVALID, f"The source {source_id!r} holds a file that cannot be read: {where} {why}."
    )


def column_missing(source_id: str, columns: list[str], hint: str = "") -> SourceFailed:
    """The relation is there and lacks these columns."""
    return SourceFailed(FailureCode.COLUMN_MISSING, f"The source {source_id!r} lacks: {', '.join(columns)}.{hint}")


def column_ambiguous(source_id: str, column: str) -> SourceFailed:
    """Several columns have one name, but for its case."""
    return SourceFailed(
        FailureCode.NAME_AMBIGUOUS,
        f"The source {source_id!r} has several columns that are called {shown(column)!r}, but for case.",
    )


def name_not_utf8(source_id: str) -> SourceFailed:
    """What a query gives has a column that nobody can name."""
    return SourceFailed(
        FailureCode.QUERY_INVALID,
        f"The query of this collection gives a column of the source {source_id!r} whose name is not UTF-8:"
        " select the others by their names.",
    )


MAX_VALUE_CHARACTERS = 100
"""Of a value in a message."""


def value_invalid(column: str, type_: object, row: int = 0, value: str | None = None, key: str = "") -> SourceFailed:
    """A value that is not of its column's type; `row` counts from 1 in the order of what matches, 0 is not known.

    `value` and `key` only when whoever asked for the row may see them: they are cut.
    """
    where = f" in row {row}" if row else ""
    what = f": {cut(value)}" if value is not None else ""
    of_key = f", where {key}" if key else ""
    message = f"Column {column!r} holds a value{where} that is not {type_}{what}{of_key}."
    return SourceFailed(FailureCode.VALUE_INVALID, message)


def undecidable(column: str, type_: object, value: str | None = None, key: str = "") -> SourceFailed:
    """A value that is not of its column's type, and on which it depends whether its row matches.

    `value` and `key` as in value_invalid.
    """
    what = f": {cut(value)}" if value is not None else ""
    of_key = f", where {key}" if key else ""
    return SourceFailed(
        FailureCode.VALUE_INVALID,
        f"Column {column!r}, which the filter compares, holds a value that is not {type_}{what}{of_key}.",
    )


def cut(value: str) -> str:
    """A value between quotes, without control characters, and with an ellipsis for what is too long."""
    return repr(value if len(value) <= MAX_VALUE_CHARACTERS else f"{value[:MAX_VALUE_CHARACTERS]}…")


def value_unconvertible(source_id: str) -> SourceFailed:
    """The server of a source cannot convert a value; which one it does not say."""
    return SourceFailed(FailureCode.VALUE_INVALID, f"The source {source_id!r} holds a value it cannot convert.")


def limit_exceeded(limit: str, most: int, count: str) -> SourceFailed:
    """The collection's limit on an export is exceeded; `count` says how many rows there are."""
    return SourceFailed(FailureCode.LIMIT_EXCEEDED, f"The filter matches {count} rows; the limit {limit} is {most}.")


def mask_key_missing(columns: list[str]) -> SourceFailed:
    """Columns are to be hashed, and this worker was given no key."""
    return SourceFailed(FailureCode.MASK_KEY_MISSING, f"This worker has no mask key for: {', '.join(columns)}.")


def refused(source_id: str, status: int) -> SourceFailed:
    """A server refuses the request, and will again."""
    return SourceFailed(
        FailureCode.SOURCE_REFUSED, f"The source {source_id!r} refuses the request with status {status}."
    )


def address_refused(source_id: str) -> SourceFailed:
    """The host of a server leads to an address that is not public."""
    return SourceFailed(
        FailureCode.ADDRESS_REFUSED, f"The source {source_id!r} is at a private address, which is not allowed."
    )


def link_foreign(source_id: str) -> SourceFailed:
    """A link or a redirect leads to another host, port or scheme."""
    return SourceFailed(FailureCode.LINK_FOREIGN, f"The source {source_id!r} returns a link to another server.")


def pages_endless(source_id: str, pages: int) -> SourceFailed:
    """The pages of an API repeat, or there are more than allowed."""
    return SourceFailed(FailureCode.PAGES_ENDLESS, f"The source {source_id!r} did not end after {pages} page(s).")


def page_too_large(source_id: str, most: int) -> SourceFailed:
    """An answer of an API is larger than allowed."""
    return SourceFailed(FailureCode.PAGE_TOO_LARGE, f"The source {source_id!r} gives a page of more than {most} bytes.")


def page_too_dense(source_id: str, memory: int, most: int) -> SourceFailed:
    """An answer of an API holds so many values that reading it takes more memory than allowed."""
    return SourceFailed(
        FailureCode.PAGE_TOO_LARGE,
        f"The source {source_id!r} gives a page whose values take {memory} bytes of memory; {most} are allowed.",
    )


def rows_missing(source_id: str, total: int, received: int) -> SourceFailed:
    """A source ended before the number of rows that it had stated."""
    return SourceFailed(FailureCode.ROWS_MISSING, f"The source {source_id!r} stated {total} rows and gave {received}.")


def rows_too_wide(source_id: str) -> SourceFailed:
    """The rows of files do not fit into the memory that a job may take for reading and sorting them."""
    return SourceFailed(
        FailureCode.ROWS_TOO_WIDE, f"The rows of {source_id!r} are too wide to be read or sorted in this order."
    )


def answer_invalid(source_id: str, what: str) -> SourceFailed:
    """The answer of an API is not what the catalog says."""
    return SourceFailed(FailureCode.RELATION_INVALID, f"An answer of the source {source_id!r} lacks {what}.")


def answer_beyond(source_id: str, what: str) -> SourceFailed:
    """The answer of an API is JSON, with something in it that goes beyond all bounds."""
    return SourceFailed(FailureCode.RELATION_INVALID, f"An answer of the source {source_id!r} holds {what}.")


def unsorted(source_id: str, columns: list[str]) -> SourceFailed:
    """The source cannot give its rows in this order."""
    return SourceFailed(FailureCode.RELATION_INVALID, f"The source {source_id!r} cannot sort by: {', '.join(columns)}.")


def too_long(source_id: str) -> SourceFailed:
    """The source's or the collection's bound of time was reached."""
    return SourceFailed(FailureCode.READING_TOO_LONG, f"Reading the source {source_id!r} exceeded its time limit.")


def order_not_by_key(key: tuple[str, ...]) -> SourceFailed:
    """A keyset reading follows the key, and another order was asked for."""
    return SourceFailed(
        FailureCode.ORDER_NOT_BY_KEY,
        f"This collection is read by its key: its only order is {', '.join(key)}, ascending.",
    )


def reading_unsupported(source_id: str) -> SourceFailed:
    """The source has no keyset reading."""
    return SourceFailed(FailureCode.READING_UNSUPPORTED, f"The source {source_id!r} can only be read as a snapshot.")


def key_ambiguous(source_id: str, columns: list[str]) -> SourceFailed:
    """What should identify a row does not."""
    return SourceFailed(
        FailureCode.RELATION_INVALID, f"The source {source_id!r} has several rows with one {', '.join(columns)}."
    )
