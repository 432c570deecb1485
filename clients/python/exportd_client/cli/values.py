"""Types of option values that click does not have."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import click
from click.shell_completion import CompletionItem

from exportd_client import FormatName
from exportd_client.cli import suggestions
from exportd_client.cli.options import DIRECT, Decorated, Text

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
FORMATS = get_args(FormatName)
STDIN = STDOUT = "-"
GZIP = ".gz"
_TAB = "\t"


class Suggesting(Text):
    """A text, not empty, that a shell completes with the results of `suggest`."""

    def __init__(self, suggest: suggestions.Suggest) -> None:
        self._suggest = suggest

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:  # noqa: ARG002 - click's signature
        return self._suggest(ctx, incomplete)


EXPORT_ID = Suggesting(suggestions.export_ids)
EXPORT_OR_FILE_ID = Suggesting(suggestions.export_and_file_ids)
DELIVERY_ID = Suggesting(suggestions.delivery_ids)
WORKER_ID = Suggesting(suggestions.worker_ids)
KEY_ID = Suggesting(suggestions.key_ids)
COLLECTION_CODE = Suggesting(suggestions.collection_codes)
COLLECTION_URI = Suggesting(suggestions.collection_uris)


class Span(click.ParamType[timedelta]):
    """A time span such as 7d, 12h or 1d12h."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if not re.fullmatch(r"(\d{1,6}[smhdw])+", value):
            self.fail(f"{value!r} is not a time span: write 90m, 12h, 7d or 1d12h", param, ctx)
        parts = re.findall(r"(\d{1,6})([smhdw])", value)
        return sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())


class Words(click.ParamType[tuple[str, ...]]):
    """Words with commas between them; `choices`: those that there are, none named: any."""

    name = "words"

    def __init__(self, choices: Sequence[str] = ()) -> None:
        self._choices = choices

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        words = tuple(word for each in str(value).split(",") if (word := each.strip()))
        for word in words:
            if self._choices and word not in self._choices:
                self.fail(f"{word!r} is none of {', '.join(self._choices)}", param, ctx)
        return words

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:  # noqa: ARG002 - click's signature
        before, comma, word = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{each}") for each in self._choices if each.startswith(word)]


class Moment(click.ParamType[datetime]):
    """A time such as 2026-01-31T10:30:00Z, or a date; without an offset it is in UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time: write 2026-01-31T10:30:00Z or 2026-01-31", param, ctx)


class Ago(click.ParamType[datetime]):
    """A time as Moment has it, or a time span before now, such as 7d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, str) and re.fullmatch(r"[0-9]+[smhdw][0-9smhdw]*", value):
            return datetime.now(UTC) - Span().convert(value, param, ctx)
        return Moment().convert(value, param, ctx)


class Label(click.ParamType[tuple[str, str]]):
    """A label as KEY=VALUE."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, equals, text = value.partition("=")
        if not (key and equals):
            self.fail(f"{value!r} is not a label: write KEY=VALUE", param, ctx)
        return key, text


class ColumnWithHeader(click.ParamType[tuple[str, str]]):
    """A column as FIELD or FIELD=HEADER; an empty header is the collection's."""

    name = "field[=header]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        field, _, header = value.partition("=")
        if not field:
            self.fail(f"{value!r} is not a column: write FIELD or FIELD=HEADER", param, ctx)
        return field, header


class Delimiter(click.ParamType[str]):
    """One character, or "tab", since a tab is hard to type in a shell."""

    name = "char"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        delimiter = _TAB if value.lower() in ("tab", "\\t") else str(value)
        if len(delimiter) != 1:
            self.fail(f"{value!r} is not one character", param, ctx)
        return delimiter


class Destination(click.Path):
    """The destination of a file: a writable path, a directory, or - for stdout."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        path = Path(value)
        if value != STDOUT and not path.is_dir():
            if not path.parent.is_dir():
                self.fail(f"there is no directory {str(path.parent)!r}", param, ctx)
            if path.exists() and not path.is_file():
                self.fail(f"{value!r} is not a regular file; -o - writes to stdout", param, ctx)
        return str(value)


def attachments_path(path: str) -> str:
    """Return the path of the attachments of the table at `path`: "a.csv.gz" makes "a-attachments.zip".

    If `path` is a directory, both files go there.
    """
    table = Path(path)
    return path if table.is_dir() else str(table.with_name(f"{without_gzip(table).stem}-attachments.zip"))


def without_gzip(path: Path) -> Path:
    """Return the path without .gz: "a.csv.gz" becomes "a.csv"."""
    return path.with_suffix("") if path.suffix.lower() == GZIP else path


def destination_options(option: Callable[..., Callable[[Decorated], Decorated]]) -> Callable[[Decorated], Decorated]:
    """Return a decorator that adds -o, --force and --direct, declared by `option`.

    An existing file is refused before anything else happens.
    """
    path = option(
        "-o",
        "path",
        type=Destination(),
        callback=_unless_there,
        help="Download to a path, a directory or - for stdout.",
    )
    # Eager, so that its value is known when the file name is checked.
    force = option("--force", is_flag=True, is_eager=True, help="Overwrite an existing file.")
    direct = option(
        "--direct/--no-direct",
        envvar=DIRECT,
        default=False,
        help="Download straight from the object store if it can be reached.",
    )
    return lambda command: path(force(direct(command)))


def _unless_there(context: click.Context, _option: click.Parameter, path: str | None) -> str | None:
    if path is not None and not context.params["force"] and Path(path).is_file():
        raise click.BadParameter(f"{path} exists already; --force overwrites it")
    return path
