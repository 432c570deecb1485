"""Options of the table: the caller's choices, the complete options with defaults, and their mistakes."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from zoneinfo import available_timezones

from services.contract.errors import Violation
from services.contract.formats import Compression, CsvDialect, Format, LineTerminator, LongText, XlsxLayout
from services.contract.spec import TableOptions
from services.runtime.nearest import hint, shown

DEFAULT_FORMAT = Format.JSON
DEFAULT_ZONE = "UTC"
MAX_NULL_TEXT_CHARACTERS = 64
BLANKS = " \u00a0\ufeff"
FORMULA_STARTS = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
"""Characters that spreadsheets take for the beginning of a formula."""
_STRUCTURE = '"\r\n'
"""Characters that belong to the syntax of CSV, besides the delimiter."""


class Preset(Enum):
    """A set of CSV options for a purpose. Options that are given explicitly take precedence."""

    NONE = "NONE"
    EXCEL = "EXCEL"


@dataclass(frozen=True, slots=True)
class CsvChoices:
    """The caller's choices for CSV. For None or an empty value the preset applies, otherwise the default."""

    delimiter: str = ""
    bom: bool | None = None
    line_terminator: LineTerminator = LineTerminator.CRLF
    decimal_comma: bool = False
    null_text: str = ""
    escape_formulas: bool | None = None
    header: bool | None = None
    local_times: bool | None = None
    preset: Preset = Preset.NONE


@dataclass(frozen=True, slots=True)
class XlsxChoices:
    """The caller's choices for XLSX. None means the default."""

    freeze_header: bool | None = None
    autofilter: bool | None = None
    compact: bool = False
    long_text: LongText = LongText.REFUSE


@dataclass(frozen=True, slots=True)
class TableChoices:
    """The caller's choices for the table. None and empty values mean the default."""

    format: Format | None = None
    time_zone: str = ""
    csv: CsvChoices | None = None
    xlsx: XlsxChoices | None = None
    compression: Compression = Compression.NONE

    @property
    def options(self) -> TableOptions:
        """The complete options with all defaults. They are valid if there is no violation."""
        return TableOptions(
            format=self.format or DEFAULT_FORMAT,
            time_zone=self.time_zone or DEFAULT_ZONE,
            csv=_dialect(self.csv or CsvChoices()),
            xlsx=_layout(self.xlsx or XlsxChoices()),
            compression=self.compression,
        )

    def violations(self) -> Iterator[Violation]:
        """Yield everything that is wrong independently of the collection."""
        table = self.options
        if not is_zone(table.time_zone):
            yield Violation("time_zone", f"unknown {shown(table.time_zone)}: {hint(table.time_zone, _zones())}")
        for field, given, needed in (("csv", self.csv, Format.CSV), ("xlsx", self.xlsx, Format.XLSX)):
            if given is not None and table.format is not needed:
                yield Violation(field, f"is for {needed.value}, and the format is {table.format.value}; leave it out")
        yield from _dialect_violations(table.csv)


def is_zone(name: str) -> bool:
    """Whether `name` is the IANA name of a time zone."""
    return name in _known_zones()


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(_zones())


@cache
def _zones() -> tuple[str, ...]:
    """Return the zones of the machine and of tzdata, by name.

    "localtime" is left out: it is the machine's own zone, which differs between machines.
    """
    return tuple(sorted(available_timezones() - {"localtime"}))


# ---- complete options


def _dialect(choices: CsvChoices) -> CsvDialect:
    excel = choices.preset is Preset.EXCEL
    return CsvDialect(
        delimiter=choices.delimiter or ",",
        bom=_or(choices.bom, excel),
        line_terminator=choices.line_terminator,
        decimal_comma=choices.decimal_comma,
        null_text=choices.null_text,
        escape_formulas=_or(choices.escape_formulas, excel),
        header=_or(choices.header, True),
        local_times=_or(choices.local_times, excel),
    )


def _layout(choices: XlsxChoices) -> XlsxLayout:
    return XlsxLayout(
        freeze_header=_or(choices.freeze_header, True),
        autofilter=_or(choices.autofilter, True),
        compact=choices.compact,
        long_text=choices.long_text,
    )


def _or(chosen: bool | None, default: bool) -> bool:
    return default if chosen is None else chosen


# ---- violations


def _dialect_violations(dialect: CsvDialect) -> Iterator[Violation]:
    delimiter = dialect.delimiter
    if len(delimiter) != 1 or delimiter in _STRUCTURE or delimiter == "\0":
        yield Violation("csv.delimiter", "must be one character, and no quote, line break or NUL")
    elif dialect.decimal_comma and delimiter == ",":
        yield Violation("csv.decimal_comma", 'the delimiter is a comma too; give another one, such as ";"')
    if len(dialect.null_text) > MAX_NULL_TEXT_CHARACTERS:
        yield Violation("csv.null_text", f"must be at most {MAX_NULL_TEXT_CHARACTERS} characters")
    if any(character in dialect.null_text for character in {*_STRUCTURE, *delimiter, "\0"}):
        yield Violation("csv.null_text", "must not contain the delimiter, a quote, a line break or NUL")
    # A single character, such as "-", is no formula.
    null_text = dialect.null_text.lstrip(BLANKS)
    if dialect.escape_formulas and len(null_text) > 1 and null_text.startswith(FORMULA_STARTS):
        yield Violation("csv.null_text", "must not begin like a formula, because escape_formulas is set")
