"""The options of a command that control how the table is written."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from exportd_client import CsvOptions, PackagingName, XlsxOptions
from exportd_client.cli.groups import options_of
from exportd_client.cli.options import Decorated, Text
from exportd_client.cli.values import FORMATS, ColumnWithHeader, Delimiter
from exportd_client.enums import names_of, value_of

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper as PbEnum

Options = TypeVar("Options", CsvOptions, XlsxOptions)
V = TypeVar("V", bound=int)

_CSV = "csv_"
_XLSX = "xlsx_"
_file, _table, _csv, _xlsx = map(options_of, ("File", "Table", "CSV", "XLSX"))


def _choice(*words: str) -> click.Choice[str]:
    return click.Choice(words, case_sensitive=False)


def _choice_of(enum: "PbEnum[V]") -> dict[str, Any]:
    """Return a choice of the names of `enum` in lower case, whose value is that of the API."""

    def value(_context: click.Context, _option: click.Parameter, word: str | None) -> V | None:
        return value_of(enum, word.upper()) if word else None

    return {"type": _choice(*(name.lower() for name in names_of(enum))), "callback": value}


_OPTIONS = (
    _file(
        "--format", type=_choice(*FORMATS), help="Format of the table; default: by the ending of -o, otherwise json."
    ),
    _file(
        "--gzip", "compression", flag_value="gzip", default=None, help="Compress the file; default if -o ends with .gz."
    ),
    _file(
        "--file-type",
        "file_types",
        type=Text(),
        multiple=True,
        metavar="NAME",
        help="File type of attachments to bundle; repeatable.",
    ),
    _file(
        "--packaging",
        type=_choice(*get_args(PackagingName)),
        help="auto: the bare table, or a ZIP if there is a password or a file type; zip: always a ZIP; "
        "separate: table and attachments as two files.",
    ),
    _file("--filename", type=Text(), help="Suggested name of the file."),
    _table(
        "--column",
        "columns",
        type=ColumnWithHeader(),
        multiple=True,
        help="Column to export, in this order; repeatable. Default: all.",
    ),
    _table("--time-zone", type=Text(), metavar="NAME", help="IANA name, such as America/Mexico_City; default UTC."),
    _csv(
        "--csv-preset",
        f"{_CSV}preset",
        **_choice_of(CsvOptions.Preset),
        help="excel: sets --bom, --escape-formulas and --local-times.",
    ),
    _csv("--delimiter", f"{_CSV}delimiter", type=Delimiter(), help="One character, or tab; default a comma."),
    _csv("--no-header", f"{_CSV}header", flag_value=False, type=bool, default=None, help="Write no header row."),
    _csv(
        "--decimal-comma",
        f"{_CSV}decimal_comma",
        flag_value=True,
        type=bool,
        default=None,
        help="Write decimals with a comma: 1,5.",
    ),
    _csv("--null-text", f"{_CSV}null_text", help="Text that stands for null; default empty."),
    _csv("--bom/--no-bom", f"{_CSV}bom", default=None, help="Begin with a byte order mark."),
    _csv(
        "--lf",
        f"{_CSV}line_terminator",
        type=int,
        flag_value=CsvOptions.LINE_TERMINATOR_LF,
        default=None,
        help="End lines with LF; default CR LF.",
    ),
    _csv(
        "--escape-formulas/--no-escape-formulas",
        f"{_CSV}escape_formulas",
        default=None,
        help="Put an apostrophe before text that looks like a formula.",
    ),
    _csv(
        "--local-times/--no-local-times",
        f"{_CSV}local_times",
        default=None,
        help="Write timestamps as 2026-08-27 22:04:42 in --time-zone, and the zone in the header.",
    ),
    _xlsx(
        "--no-freeze",
        f"{_XLSX}freeze_header",
        flag_value=False,
        type=bool,
        default=None,
        help="Do not freeze the header row.",
    ),
    _xlsx(
        "--no-autofilter",
        f"{_XLSX}autofilter",
        flag_value=False,
        type=bool,
        default=None,
        help="Add no filter buttons to the header row.",
    ),
    _xlsx(
        "--compact",
        f"{_XLSX}compact",
        flag_value=True,
        type=bool,
        default=None,
        help="Smaller file, which a few programs cannot read.",
    ),
    _xlsx(
        "--long-text",
        f"{_XLSX}long_text",
        **_choice_of(XlsxOptions.LongText),
        help="For text too long for a cell: refuse fails the export, bundle writes it to a file beside the workbook "
        "in a ZIP; default refuse.",
    ),
)


def table_options(command: Decorated) -> Decorated:
    """Add all of these options. `table_arguments` turns their values into arguments of ExportClient.create."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def table_arguments(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return `chosen` with one `csv` and one `xlsx` in place of their options.

    Each is None if none of its options was given.
    """
    others = {name: value for name, value in chosen.items() if not name.startswith((_CSV, _XLSX))}
    return others | {"csv": _message(CsvOptions, _CSV, chosen), "xlsx": _message(XlsxOptions, _XLSX, chosen)}


def _message(kind: Callable[..., Options], prefix: str, chosen: Mapping[str, Any]) -> Options | None:
    given = {
        name.removeprefix(prefix): value
        for name, value in chosen.items()
        if name.startswith(prefix) and value is not None
    }
    return kind(**given) if given else None
