"""Values of the command line that click does not know."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import click

from exportd_client import FormatName

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SUFFIXES: dict[str, FormatName] = {
    ".xlsx": "xlsx",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
FORMATS = get_args(FormatName)
STDOUT = "-"


class Span(click.ParamType[timedelta]):
    """A time span such as 7d, 12h or 1d12h."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if not re.fullmatch(r"(\d{1,6}[smhdw])+", value):
            self.fail(f"{value!r} is not a time span: write 90m, 12h, 7d or 1d12h", param, ctx)
        parts = re.findall(r"(\d+)([smhdw])", value)
        return sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())


class Label(click.ParamType[tuple[str, str]]):
    """A label as KEY=VALUE."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, equals, text = value.partition("=")
        if not (key and equals):
            self.fail(f"{value!r} is not a label: write KEY=VALUE", param, ctx)
        return key, text


class Destination(click.ParamType[str]):
    """Where a file goes: a path that can be written to, a directory, or - for stdout."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        path = Path(value)
        if value != STDOUT and not path.is_dir():
            if not path.parent.is_dir():
                self.fail(f"there is no directory {str(path.parent)!r}", param, ctx)
            if path.exists() and not path.is_file():
                self.fail(f"{value!r} is not a regular file; -o - writes to stdout", param, ctx)
        return str(value)


def format_of_name(path: str | None) -> FormatName | None:
    """The format that the ending of a file's name tells; None when it doesn't (a .zip may hold any)."""
    return _SUFFIXES.get(Path(path).suffix.lower()) if path else None
