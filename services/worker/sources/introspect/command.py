"""`exportd-worker introspect SOURCE`: the first draft of a catalog from a live database."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from services.worker.sources.errors import SourceFailed
from services.worker.sources.introspect import postgres as introspect_postgres
from services.worker.sources.introspect import sqlite as introspect_sqlite
from services.worker.sources.introspect.draft import draft
from services.worker.sources.introspect.tables import FoundTable
from services.worker.sources.settings import SourceSettings, SourcesMistaken, load
from services.worker.sources.sql import address


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Print the draft; the exit code: 0, or 2 with what is wrong on `err`."""
    given = _arguments().parse_args(arguments)
    try:
        settings = _settings(environ, given.source)
        found = _tables(settings, given.schema, given.table)
    except (_CannotDraft, SourceFailed, SourcesMistaken) as problem:
        err.write(f"{getattr(problem, 'message', problem)}\n")
        return 2
    out.write(draft(given.source, found))
    return 0


class _CannotDraft(Exception):
    """What was asked for cannot be drafted."""


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("exportd-worker introspect", description="Print a first draft of a catalog.")
    parser.add_argument("source", help="id of a source of kind sql in the file that EXPORTD_SOURCES names")
    parser.add_argument("--table", default="", help="only this table")
    parser.add_argument("--schema", default="", help="only this schema (PostgreSQL)")
    return parser


def _settings(environ: Mapping[str, str], source_id: str) -> SourceSettings:
    file = environ.get("EXPORTD_SOURCES")
    if not file:
        raise _CannotDraft("EXPORTD_SOURCES must name the file sources.toml")
    found = load(Path(file), environ).get(source_id)
    if found is None or found.kind != "sql":
        raise _CannotDraft(f"{file} has no source {source_id!r} of kind sql")
    return found


def _tables(settings: SourceSettings, schema: str, table: str) -> list[FoundTable]:
    if address.is_sqlite(settings.url):
        found = introspect_sqlite.tables(settings.path, settings.id, table)
    elif address.is_postgresql(settings.url):
        found = introspect_postgres.tables(settings, schema, table)
    else:
        raise _CannotDraft("Only SQLite and PostgreSQL can be looked into; write the catalog by hand.")
    if not found:
        raise _CannotDraft(f"The source {settings.id!r} has no such table.")
    return found
