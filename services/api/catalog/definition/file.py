"""Loads the catalog file as a whole, or refuses it with every mistake in it."""

from pathlib import Path

from services.api.catalog.definition import keys
from services.api.catalog.definition.collection import CollectionReader
from services.api.catalog.definition.paths import collisions
from services.api.catalog.definition.source_kinds import SOURCE_KINDS
from services.api.catalog.model import Catalog, Collection
from services.contract.spec import SourceRef
from services.runtime.toml import FileError, Mistake, Table, document


def load(path: Path) -> Catalog:
    """Load the TOML file at `path`. Raises FileError with all mistakes at once."""
    mistakes: list[Mistake] = []
    root = Table("", document(path), keys.CATALOG, mistakes)
    sources = {id_: _source(id_, content, mistakes) for id_, content in root.named("sources").items()}
    tables = root.named("collections")
    if not tables:
        root.wrong("collections", "needs at least one table [collections.CODE]")
    collections = [CollectionReader(code, content, sources, mistakes).read() for code, content in tables.items()]
    mistakes += [_collision(*pair) for pair in collisions(collections)]
    if mistakes:
        raise FileError(path, mistakes)
    return Catalog(tuple(collections))


def _source(id_: str, content: object, mistakes: list[Mistake]) -> SourceRef:
    return SourceRef(id_, Table(f"[sources.{id_}]", content, keys.SOURCE, mistakes).choice("kind", SOURCE_KINDS))


def _collision(first: Collection, second: Collection) -> Mistake:
    message = f"{second.path} and {first.path} of {first.code} match the same paths; change one"
    return Mistake(f"[collections.{second.code}]", "path", message)
