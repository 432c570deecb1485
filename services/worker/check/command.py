"""`exportd-worker check` compares a catalog with the sources.

It connects to every source of the sources file, and selects every collection of the catalog without its rows. Exit
code: 0 when there are no problems, 1 when there are some, 2 when the files cannot be used.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from services.api.catalog.definition.file import load as load_catalog
from services.api.catalog.model import Catalog
from services.runtime.nearest import hint
from services.runtime.settings import SettingsReader
from services.runtime.startup import CannotStart
from services.worker.check.probes import probes
from services.worker.sources import errors
from services.worker.sources.check.problems import Probe, Problem, failure
from services.worker.sources.kind import SourceSettings
from services.worker.sources.kinds import kind_of
from services.worker.sources.rows import mask
from services.worker.sources.settings import load, read_mask_key

SOUND, PROBLEMS, UNUSABLE = 0, 1, 2
Known = Mapping[str, SourceSettings]


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Print what was checked and every problem to `out`. Return the exit code."""
    options = _arguments().parse_args(arguments)
    try:
        sources = _sources(environ)
        file = options.catalog or environ.get("EXPORTD_CATALOG")
        catalog = load_catalog(Path(file)) if file else Catalog(())
        mask_key = read_mask_key(_mask_key(environ))
    except CannotStart as problem:
        err.write(f"{problem}\n")
        return UNUSABLE
    found = list(_problems(sources, list(probes(catalog)), mask_key))
    shown = _as_json if options.output == "json" else _as_text
    out.write(shown(sources, catalog, found))
    return PROBLEMS if found else SOUND


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "exportd-worker check",
        description="Connect to every source in EXPORTD_SOURCES, and compare a catalog with them. No row is read.",
    )
    parser.add_argument(
        "--catalog",
        default="",
        help="the api's catalog file; default: EXPORTD_CATALOG; without both, only the sources are checked",
    )
    parser.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    return parser


def _sources(environ: Mapping[str, str]) -> Known:
    file = environ.get("EXPORTD_SOURCES")
    if not file:
        raise CannotStart("EXPORTD_SOURCES must name the file sources.toml")
    return load(Path(file), environ)


def _mask_key(environ: Mapping[str, str]) -> str | Path:
    read = SettingsReader(environ)
    key = read.secret_or_file("EXPORTD_MASK_KEY")
    read.finish()
    return key


def _problems(sources: Known, asked: Sequence[Probe], mask_key: bytes) -> Iterator[Problem]:
    of_source: dict[str, list[Probe]] = defaultdict(list)
    for probe in asked:
        yield from _of_masks(probe, mask_key)
        wrong = [*_unknown(sources, probe)]
        yield from wrong
        if not wrong:
            of_source[probe.spec.source.id].append(probe)
    for id_, settings in sources.items():
        yield from kind_of(settings).access().check(settings, tuple(of_source[id_]))


def _of_masks(probe: Probe, mask_key: bytes) -> Iterator[Problem]:
    try:
        mask.check(probe.spec.columns, mask_key)
    except errors.SourceFailed as failed:
        yield failure(probe.spec.source.id, failed, probe)


def _unknown(sources: Known, probe: Probe) -> Iterator[Problem]:
    """Yield problems for sources of the catalog that this worker lacks or has with another kind."""
    refs = [probe.spec.source, *(attachment.source for attachment in probe.spec.attachments)]
    for ref in dict.fromkeys(refs):
        settings = sources.get(ref.id)
        if settings is None or settings.kind != ref.kind:
            fix = (
                f'the kind is "{settings.kind}" there'
                if settings
                else f"add [sources.{ref.id}] to the sources file; {hint(ref.id, sources)}"
            )
            yield Problem(ref.id, errors.unknown(ref.id, ref.kind).message, fix, probe.collection, probe.part)


def _as_json(sources: Known, catalog: Catalog, found: Sequence[Problem]) -> str:
    content = {
        "valid": not found,
        "sources": [{"id": id_, "kind": settings.kind} for id_, settings in sources.items()],
        "collections": [collection.code for collection in catalog.collections],
        "problems": [asdict(problem) for problem in found],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _as_text(sources: Known, catalog: Catalog, found: Sequence[Problem]) -> str:
    lines = [line for id_, settings in sources.items() for line in _of_source(id_, settings.kind, found)]
    for collection in catalog.collections:
        of_it = [problem for problem in found if problem.collection == collection.code]
        lines += [f"collection {collection.code}: {'' if of_it else 'ok'}".rstrip(), *_told(of_it)]
    count = f"{len(found)} problem{'' if len(found) == 1 else 's'}" if found else "no problem"
    return "\n".join([*lines, count, ""])


def _of_source(id_: str, kind: str, found: Sequence[Problem]) -> list[str]:
    own = [problem for problem in found if problem.source == id_ and not problem.collection]
    return [f"source {id_} ({kind}): {'' if own else 'reached'}".rstrip(), *_told(own)]


def _told(found: Iterable[Problem]) -> Iterator[str]:
    for problem in found:
        part = f"{problem.part}: " if problem.part else ""
        yield f"  {part}{problem.message}"
        if problem.cause:
            yield f"    driver: {problem.cause}"
        if problem.fix:
            yield f"    fix: {problem.fix}"
