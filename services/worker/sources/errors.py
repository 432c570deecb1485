"""How reading a source fails."""

SOURCE_UNKNOWN = "SOURCE_UNKNOWN"
SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
SOURCE_CHANGED = "SOURCE_CHANGED"
RELATION_MISSING = "RELATION_MISSING"
RELATION_INVALID = "RELATION_INVALID"
COLUMN_MISSING = "COLUMN_MISSING"
VALUE_INVALID = "VALUE_INVALID"

_RETRYABLE = frozenset({SOURCE_UNAVAILABLE, SOURCE_CHANGED})


class SourceFailed(Exception):
    """A source that cannot be read as the spec asks.

    `message` is safe to show to callers: ids, columns and row numbers, never an address, a path, SQL or the text of
    another exception; what caused it is chained for the log.
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


def column_missing(source_id: str, columns: list[str]) -> SourceFailed:
    """The relation is there and lacks these columns."""
    return SourceFailed(COLUMN_MISSING, f"The source {source_id!r} lacks: {', '.join(columns)}.")


def value_invalid(column: str, type_: object, row: int = 0) -> SourceFailed:
    """A value that is not of its column's type; `row` counts from 1 in the order of the reading, 0 is not known."""
    where = f" in row {row}" if row else ""
    return SourceFailed(VALUE_INVALID, f"Column {column!r} holds a value{where} that is not {type_}.")
