"""Drafts of catalogs, as the api takes them, and what the worker reads by them."""

import io
import re
from pathlib import Path

from services.api.catalog.definition.file import load
from services.api.catalog.model import Catalog, Collection
from services.contract.formats import Format
from services.contract.spec import JobSpec, TableOptions
from services.worker.sources.introspect.command import run
from services.worker.sources.settings import load as load_sources
from services.worker.sources.sources import Sources
from tests.integration.sources.source_specs import Read, rows_of


def drafted_from(directory: Path, sources: str, *arguments: str) -> tuple[str, Catalog]:
    """The draft of the source `shop`, which the api takes. `directory` keeps sources.toml and catalog.toml."""
    (directory / "sources.toml").write_text(sources, encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    code = run(["shop", *arguments], {"EXPORTD_SOURCES": str(directory / "sources.toml")}, out, err)
    assert (code, err.getvalue()) == (0, "")
    (directory / "catalog.toml").write_text(out.getvalue(), encoding="utf-8")
    return out.getvalue(), load(directory / "catalog.toml")


def drafted(directory: Path, url: str, *arguments: str) -> tuple[str, Catalog]:
    return drafted_from(directory, f'[sources.shop]\nkind = "sql"\nurl = "{url}"\n', *arguments)


def types(catalog: Catalog, code: str) -> dict[str, str]:
    return {c.name: str(c.type) for c in of(catalog, code).columns}


def of(catalog: Catalog, code: str) -> Collection:
    collection = catalog.by_code(code)
    assert collection, [c.code for c in catalog.collections]
    return collection


def lines(text: str) -> dict[str, str]:
    """Type and remark by field, of the columns of a draft."""
    found = re.findall(r'field = "([^"]+)"(?:.* type = "([^"]+)")?.*\},(?:  # (.*))?', text)
    return {field: f"{type_ or 'text'} # {remark}".rstrip(" #") for field, type_, remark in found}


def exported(directory: Path, collection: Collection) -> Read:
    """Every row, as an export of the collection reads it."""
    spec = JobSpec(
        collection=collection.code,
        source=collection.source,
        relation=collection.relation,
        key=collection.key,
        columns=tuple(column.spec for column in collection.columns),
        order=tuple(term.term for term in collection.order),
        table=TableOptions(Format.JSONL),
        table_name=collection.table_name,
    )
    with Sources(load_sources(directory / "sources.toml")).open_rows(spec.source).read(spec) as reading:
        return rows_of(reading, spec)
