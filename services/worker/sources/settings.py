"""The worker's sources.toml, which says where each source is. The api knows only their ids and kinds."""

import os
from collections.abc import Mapping
from pathlib import Path

from services.runtime.toml import FileError, Mistake, Table, document
from services.worker.sources.kind import SourceSettings
from services.worker.sources.kinds import kind_in
from services.worker.sources.origin import Origin


def load(file: Path, environ: Mapping[str, str] = os.environ) -> dict[str, SourceSettings]:
    """Read the sources by id. Relative paths are relative to the folder of the file. Raises FileError.

    `environ` has the variables that secrets may be kept in.
    """
    mistakes: list[Mistake] = []
    root = Table("", document(file), ("sources",), mistakes)
    origin = Origin(file.resolve().parent, environ)
    sources = {
        id_: _read(id_, Table(f"[sources.{id_}]", content, None, mistakes), origin)
        for id_, content in root.named("sources").items()
    }
    if mistakes:
        raise FileError(file, mistakes)
    return {id_: settings for id_, settings in sources.items() if settings}


def _read(id_: str, table: Table, origin: Origin) -> SourceSettings | None:
    kind = kind_in(table)
    settings: SourceSettings | None = kind.read(id_, table, origin) if kind else None
    return settings


def read_mask_key(file: str | Path) -> bytes:
    """Return the mask key, or that in a file, without white space around it. An empty one means that there is none.

    Raises FileError when the file cannot be read or is empty.
    """
    if isinstance(file, str):
        return file.strip().encode()
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise FileError(file, [Mistake("", "", f"cannot be read: {error.strerror}")]) from error
    if not key:
        raise FileError(file, [Mistake("", "", "is empty: the key that masked values are hashed with is missing")])
    return key
