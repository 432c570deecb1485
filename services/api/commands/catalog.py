"""`exportd-api catalog check`, `show` and `schema`: work with the catalog file without serving it."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from services.api.catalog.definition.file import load
from services.api.catalog.definition.schema import catalog_schema
from services.api.catalog.model import Catalog
from services.api.commands import catalog_view as showing
from services.runtime.nearest import hint
from services.runtime.toml import FileError

SOUND, MISTAKEN = 0, 1


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run the command and return the exit code.

    The code is 0 if the file is valid, and 1 if it has mistakes or lacks the collection that is asked for. Usage errors
    exit with 2.
    """
    asked = _parser().parse_args(arguments)
    if asked.verb == "schema":
        return _print_json(catalog_schema(), out)
    file = asked.file or environ.get("EXPORTD_CATALOG")
    if not file:
        err.write("name the file as an argument or in EXPORTD_CATALOG\n")
        return MISTAKEN
    as_json = asked.output == "json"
    try:
        catalog = load(Path(file))
    except FileError as error:
        return _refused(error, out if as_json else err, as_json=as_json)
    if asked.verb == "check":
        return _sound(file, catalog, out, as_json=as_json)
    return _show(catalog, asked.collection, out, err, as_json=as_json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="exportd-api catalog", description="Check or show a catalog file.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    check = verbs.add_parser("check", help="report every mistake in the file")
    show = verbs.add_parser("show", help="show the collections of the file, with every default filled in")
    verbs.add_parser("schema", help="print the JSON Schema of the file, for editors")
    for verb in (check, show):
        verb.add_argument("file", nargs="?", help="catalog file; default: EXPORTD_CATALOG")
        verb.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    show.add_argument("--collection", help="show only the collection with this code")
    return parser


def _refused(error: FileError, to: TextIO, *, as_json: bool) -> int:
    if as_json:
        mistakes = [{"table": m.table, "key": m.key, "message": m.message} for m in error.mistakes]
        _print_json({"file": str(error.file), "valid": False, "mistakes": mistakes}, to)
    else:
        to.write(f"{error}\n")
    return MISTAKEN


def _sound(file: str, catalog: Catalog, out: TextIO, *, as_json: bool) -> int:
    if as_json:
        return _print_json({"file": file, "valid": True, "mistakes": []}, out)
    count = len(catalog.collections)
    out.write(f"{file} is valid: {count} collection{'s' if count > 1 else ''}\n")
    return SOUND


def _show(catalog: Catalog, code: str | None, out: TextIO, err: TextIO, *, as_json: bool) -> int:
    codes = [c.code for c in catalog.collections]
    if code is not None and code not in codes:
        err.write(f"there is no collection {code}; {hint(code, codes)}\n")
        return MISTAKEN
    wanted = Catalog(tuple(c for c in catalog.collections if code in (None, c.code)))
    if as_json:
        return _print_json(showing.as_json(wanted), out)
    out.write("\n".join(showing.as_text(wanted)))
    return SOUND


def _print_json(shown: Any, out: TextIO) -> int:
    out.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
    return SOUND
