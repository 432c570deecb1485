"""Codes of failures and warnings. The interfaces and the documentation take the codes from this table.

On the wire a code is text, so that either side may have codes that the other does not know. Such a code is an
UnknownCode.
"""

from enum import Enum, StrEnum
from typing import Self


class Retry(Enum):
    """Whether another attempt follows a failure.

    NEVER: the error is in the request, the catalog or the rows, so it would recur. LATER: the next attempt may succeed.
    ELSEWHERE: the worker's own environment failed, so the attempt is given back and another worker is preferred.
    """

    NEVER = "never"
    LATER = "later"
    ELSEWHERE = "elsewhere"


class FailureCode(StrEnum):
    """How an attempt or a preview failed. failure_code.proto describes each code; `remedy` says what to do about it."""

    retry: Retry
    remedy: str

    def __new__(cls, text: str, retry: Retry, remedy: str) -> Self:
        code = str.__new__(cls, text)
        code._value_ = text
        code.retry = retry
        code.remedy = remedy
        return code

    # ---- the source
    SOURCE_UNAVAILABLE = (
        "SOURCE_UNAVAILABLE",
        Retry.LATER,
        "check that the source is up and does not interrupt long reads",
    )
    SOURCE_UNREACHABLE = (
        "SOURCE_UNREACHABLE",
        Retry.ELSEWHERE,
        "check that the source is up, and that the worker can connect with the account in its sources file",
    )
    SOURCE_CHANGED = "SOURCE_CHANGED", Retry.LATER, "nothing; replace files by renaming new ones"
    SOURCE_UNKNOWN = "SOURCE_UNKNOWN", Retry.ELSEWHERE, "add the source to the sources file of the workers"
    SOURCE_REFUSED = (
        "SOURCE_REFUSED",
        Retry.NEVER,
        "check the headers in the sources file, and the path in the catalog",
    )
    ADDRESS_REFUSED = (
        "ADDRESS_REFUSED",
        Retry.NEVER,
        "set `allow_private` in the sources file if the API may be at a private address",
    )
    LINK_FOREIGN = "LINK_FOREIGN", Retry.NEVER, "set the URL of the source to the server that the links lead to"
    PAGES_ENDLESS = "PAGES_ENDLESS", Retry.NEVER, "narrow the filter, or raise `max_pages` in the sources file"
    PAGE_TOO_LARGE = (
        "PAGE_TOO_LARGE",
        Retry.NEVER,
        "request smaller pages, or raise `max_page_bytes` in the sources file",
    )

    # ---- the catalog
    RELATION_MISSING = "RELATION_MISSING", Retry.NEVER, "correct the table or path in the catalog, or create the table"
    PERMISSION_DENIED = (
        "PERMISSION_DENIED",
        Retry.NEVER,
        "grant `select` to the account in the sources file; the log names the objects under the reference",
    )
    FUNCTION_MISSING = (
        "FUNCTION_MISSING",
        Retry.NEVER,
        "install what the log names under the reference, or correct the query in the catalog",
    )
    NAME_AMBIGUOUS = (
        "NAME_AMBIGUOUS",
        Retry.NEVER,
        "give the columns of the query in the catalog different names with `as`",
    )
    QUERY_INVALID = "QUERY_INVALID", Retry.NEVER, "correct the query in the catalog; the log has the database's message"
    RELATION_INVALID = "RELATION_INVALID", Retry.NEVER, "correct the files, the key or the kind in the catalog"
    COLUMN_MISSING = "COLUMN_MISSING", Retry.NEVER, "correct the names of the columns in the catalog"
    VALUE_INVALID = (
        "VALUE_INVALID",
        Retry.NEVER,
        "correct the value or the type of its column, or set `invalid` to null or text, in the catalog",
    )
    MASK_KEY_MISSING = "MASK_KEY_MISSING", Retry.ELSEWHERE, "set `EXPORTD_MASK_KEY_FILE` for the workers"
    READING_UNSUPPORTED = "READING_UNSUPPORTED", Retry.NEVER, "set `reading` to snapshot in the catalog"

    # ---- the request
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED", Retry.NEVER, "narrow the filter"
    READING_TOO_LONG = (
        "READING_TOO_LONG",
        Retry.NEVER,
        "narrow the filter, or raise the limit of the source or collection",
    )
    ORDER_NOT_BY_KEY = "ORDER_NOT_BY_KEY", Retry.NEVER, "leave the order out"
    ROWS_TOO_WIDE = "ROWS_TOO_WIDE", Retry.NEVER, "order by fewer or narrower columns, or by none"
    TEXT_TOO_LONG = "TEXT_TOO_LONG", Retry.NEVER, "set `xlsx.long_text` to BUNDLE, or choose another format"
    DATE_OUT_OF_RANGE = "DATE_OUT_OF_RANGE", Retry.NEVER, "correct the date, or leave the column out"
    TOO_MANY_COLUMNS = "TOO_MANY_COLUMNS", Retry.NEVER, "choose fewer columns, or another format"
    ROWS_TOO_LARGE = "ROWS_TOO_LARGE", Retry.NEVER, "choose fewer columns, or another format"
    PASSWORD_UNREADABLE = "PASSWORD_UNREADABLE", Retry.NEVER, "create the export again"
    SPEC_UNREADABLE = "SPEC_UNREADABLE", Retry.NEVER, "create the export again"

    # ---- the worker and its environment
    ROWS_MISSING = "ROWS_MISSING", Retry.LATER, "report it to the operator if it persists"
    DISK_FULL = "DISK_FULL", Retry.ELSEWHERE, "make room in the artifact store and the scratch folder"
    OUT_OF_MEMORY = "OUT_OF_MEMORY", Retry.ELSEWHERE, "give the worker more memory, or fewer slots"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE", Retry.ELSEWHERE, "check that the worker can write to the artifact store"
    STORE_MISMATCH = "STORE_MISMATCH", Retry.ELSEWHERE, "set the same `EXPORTD_ARTIFACTS` for api and workers"
    WORKER_CRASHED = "WORKER_CRASHED", Retry.LATER, "check the worker's log; memory is the most frequent cause"
    LEASE_EXPIRED = "LEASE_EXPIRED", Retry.LATER, "check that workers run and can reach the api"
    RUN_TIMEOUT = "RUN_TIMEOUT", Retry.LATER, "narrow the filter, or raise `EXPORTD_RUN_TIMEOUT_S`"
    NO_PROGRESS = "NO_PROGRESS", Retry.LATER, "check for locks in the source"
    UNREADABLE_JOB = "UNREADABLE_JOB", Retry.ELSEWHERE, "run the same version of api and workers"
    PREVIEW_TIMEOUT = "PREVIEW_TIMEOUT", Retry.NEVER, "narrow the filter, or create the export"
    INTERNAL = "INTERNAL", Retry.LATER, "give the operator the reference; the log has the details under it"


class WarningCode(StrEnum):
    """Something worth knowing that does not stop an export. warning_code.proto describes each code; `remedy` says what
    to do.
    """

    remedy: str

    def __new__(cls, text: str, remedy: str) -> Self:
        code = str.__new__(cls, text)
        code._value_ = text
        code.remedy = remedy
        return code

    # ---- known when the export is created
    BARE_DATE_IN_BEFORE = "BARE_DATE_IN_BEFORE", "use the following day, or add a time"
    PARAMETER_IGNORED = "PARAMETER_IGNORED", "correct the parameter; without it more rows are exported"
    PARAMETER_REPEATED = "PARAMETER_REPEATED", "give several values as `field[]=`"
    ITEMS_PER_PAGE_IGNORED = "ITEMS_PER_PAGE_IGNORED", "add `page` to get one page"
    ITEMS_PER_PAGE_LOWERED = "ITEMS_PER_PAGE_LOWERED", "request no more than the collection allows"
    SINCE_OTHER_QUERY = "SINCE_OTHER_QUERY", "use an export of the same query, or `changed_since`"
    HEADER_UNUSED = "HEADER_UNUSED", "choose a format with headers"

    # ---- found in the rows
    NO_ROWS = "NO_ROWS", "check the filter if rows were expected"
    ROWS_REPEATED = "ROWS_REPEATED", "nothing"
    ROWS_CUT = "ROWS_CUT", "select fewer columns"
    COLUMN_EMPTY = "COLUMN_EMPTY", "check the column's path in the catalog"
    TIMESTAMP_ROUNDED = "TIMESTAMP_ROUNDED", "nothing"
    LONG_NUMBER_ROUNDED = "LONG_NUMBER_ROUNDED", "use the type integer, decimal or text in the catalog"
    INVALID_VALUE_AS_NULL = "INVALID_VALUE_AS_NULL", "correct the values, or the type of their column in the catalog"
    INVALID_VALUE_AS_TEXT = "INVALID_VALUE_AS_TEXT", "correct the values, or the type of their column in the catalog"
    ATTACHMENT_MISSING = "ATTACHMENT_MISSING", "see missing-files.csv"

    # ---- values that are not written exactly
    LONG_NUMBER_AS_TEXT = "LONG_NUMBER_AS_TEXT", "use another format to keep numbers"
    DATE_AS_TEXT = "DATE_AS_TEXT", "use another format to keep dates"
    DURATION_AS_TEXT = "DURATION_AS_TEXT", "use another format to keep durations"
    FRACTION_CUT = "FRACTION_CUT", "use another format to keep microseconds"
    CHARACTER_REPLACED = "CHARACTER_REPLACED", "use another format to keep the characters"
    FLOAT_NOT_FINITE = "FLOAT_NOT_FINITE", "use Parquet to keep them"
    INVALID_JSON_AS_TEXT = "INVALID_JSON_AS_TEXT", "correct the values, or use the type text in the catalog"
    NULL_AS_EMPTY_LINE = "NULL_AS_EMPTY_LINE", "set `csv.null_text`, or add a column"
    FORMULA_ESCAPED = "FORMULA_ESCAPED", "nothing; the request asked for it"
    LONG_TEXT_BUNDLED = "LONG_TEXT_BUNDLED", "see long-text.csv"


class UnknownCode(str):
    """A code of another version, unchanged. For a failure, `retry` is what the sender reports."""

    __slots__ = ("retry",)
    retry: Retry

    def __new__(cls, text: str, retry: Retry = Retry.LATER) -> Self:
        code = super().__new__(cls, text)
        code.retry = retry
        return code


def failure_code(text: str, *, retryable: bool) -> FailureCode | UnknownCode:
    """Return the code for `text`. `retryable` is reported by the sender, and applies to an unknown code only."""
    known = FailureCode.__members__.get(text)
    return known or UnknownCode(text, Retry.LATER if retryable else Retry.NEVER)


def warning_code(text: str) -> WarningCode | UnknownCode:
    """Return the code for `text`."""
    return WarningCode.__members__.get(text) or UnknownCode(text)
