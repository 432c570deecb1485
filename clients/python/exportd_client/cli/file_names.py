"""Derives format, compression and packaging from the file name after -o, or reports that they contradict it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from exportd_client import CompressionName, FormatName, XlsxOptions
from exportd_client.cli.values import GZIP, STDOUT, without_gzip

_FORMATS: dict[str, FormatName] = {
    ".xlsx": "xlsx",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_DELIMITERS = {".tsv": "\t"}
_ZIP = ".zip"
# Endings that programs take for formats that exportd does not write.
_NOT_WRITTEN = {".xls", ".xlsm", ".xlsb", ".ods", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".avro", ".orc"}
_DEFAULT_FORMAT: FormatName = "json"


def with_name(request: Mapping[str, Any], path: str | None) -> dict[str, Any]:
    """Return `request`, the options of `create`, with options that the file name implies and that are not given.

    Raises UsageError if the file would not be of the kind that its name says.
    """
    if path is None or path == STDOUT or Path(path).is_dir():
        return dict(request)
    named = _said_by(Path(path)) | {name: value for name, value in request.items() if value not in (None, "")}
    request = {**request, **named}
    for mistake in _mistakes(request, Path(path)):
        raise click.UsageError(f"-o {path}: {mistake}")
    return request


def _said_by(path: Path) -> dict[str, Any]:
    ending = _ending(path)
    said = {
        "format": _FORMATS.get(ending),
        "csv_delimiter": _DELIMITERS.get(ending),
        "packaging": "zip" if ending == _ZIP else None,
        "compression": _compression(path),
    }
    return {name: value for name, value in said.items() if value is not None}


def _mistakes(request: Mapping[str, Any], path: Path) -> Iterator[str]:
    ending, format_ = _ending(path), request["format"] or _DEFAULT_FORMAT
    known = ending in _FORMATS or ending in ("", _ZIP)
    if ending in _NOT_WRITTEN or (not known and not request["format"]):
        yield f"exportd writes no {ending} file; use {', '.join(_FORMATS)} or {_ZIP}, or give --format"
    if ending in _FORMATS and _FORMATS[ending] != format_:
        yield f"the name says {_FORMATS[ending]}, and --format {format_}"
    because = _zipped_because(request)
    if because and (ending in _FORMATS or _compression(path)):
        yield f"with {because} the file is a ZIP: give it a name that ends with {_ZIP}"
    if not because and ending == _ZIP:
        yield f"with --packaging {request['packaging']} the file is no ZIP: end its name with .{format_}"
    if not because and ending in _FORMATS and request["compression"] and not _compression(path):
        yield f"with --gzip the file is compressed: give it a name that ends with {ending}{GZIP}"


def _zipped_because(request: Mapping[str, Any]) -> str:
    """Return the option that makes the file a ZIP; empty if the file is the bare table."""
    if request["packaging"] not in (None, "auto"):
        return "--packaging zip" if request["packaging"] == "zip" else ""
    bundled = request["format"] == "xlsx" and request["xlsx_long_text"] == XlsxOptions.LONG_TEXT_BUNDLE
    options = {"a password": request["password"], "--file-type": request["file_types"], "--long-text bundle": bundled}
    return next((name for name, given in options.items() if given), "")


def _ending(path: Path) -> str:
    """Return the ending in lower case, without .gz."""
    return without_gzip(path).suffix.lower()


def _compression(path: Path) -> CompressionName | None:
    return "gzip" if path.suffix.lower() == GZIP else None
