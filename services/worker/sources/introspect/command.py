"""`exportd-worker introspect SOURCE`: drafts a catalog from a live source."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from services.runtime.nearest import hint
from services.runtime.startup import CannotStart
from services.worker.sources.errors import SourceFailed
from services.worker.sources.introspect.draft import draft
from services.worker.sources.introspect.tables import LiveTable, TableNames
from services.worker.sources.kind import SourceSettings
from services.worker.sources.kinds import kind_of
from services.worker.sources.said import told
from services.worker.sources.settings import load


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Print the draft to `out` and return the exit code: 0, or 2 after printing the error to `err`."""
    options = _arguments().parse_args(arguments)
    try:
        settings = _settings(environ, options.source)
        tables = _tables(settings, TableNames(options.schema, options.table))
    except (CannotStart, SourceFailed) as problem:
        err.write(f"{told(problem) if isinstance(problem, SourceFailed) else problem}\n")
        return 2
    out.write(draft(settings.id, settings.kind, tables))
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "exportd-worker introspect", description="Print a first draft of a catalog of a source."
    )
    parser.add_argument("source", help="id of a source in the file that EXPORTD_SOURCES names")
    parser.add_argument("--table", default="", help="only this table: NAME or SCHEMA.NAME")
    parser.add_argument("--schema", default="", help="only this schema")
    return parser


def _settings(environ: Mapping[str, str], source_id: str) -> SourceSettings:
    file = environ.get("EXPORTD_SOURCES")
    if not file:
        raise CannotStart("EXPORTD_SOURCES must name the file sources.toml")
    sources = load(Path(file), environ)
    if source_id not in sources:
        raise CannotStart(f"{file} has no source {source_id!r}; {hint(source_id, sources)}")
    return sources[source_id]


def _tables(settings: SourceSettings, names: TableNames) -> list[LiveTable]:
    introspect = kind_of(settings).introspect()
    if introspect is None:
        raise CannotStart(f"A source of kind {settings.kind} has no tables; write the catalog by hand.")
    tables = introspect(settings, names)
    if not tables:
        raise CannotStart(f"The source {settings.id!r} has no such table.")
    return tables
