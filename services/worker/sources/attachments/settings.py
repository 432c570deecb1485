"""Where attachments are that are no rows: a folder, and a bucket."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from services.runtime.toml import Table
from services.worker.sources.origin import Origin
from services.worker.sources.stores.folder import HARD_LINKS
from services.worker.sources.stores.s3 import ROOT_KEYS, ObjectRoot, read_root


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """`root` is the directory that every file is below; absolute. `hard_links`: whether they may have other names."""

    kind: ClassVar[str] = "folder"
    id: str
    root: Path
    hard_links: bool = False


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """`root` is what every object is below."""

    kind: ClassVar[str] = "object"
    id: str
    root: ObjectRoot


def read_folder(id_: str, table: Table, origin: Origin) -> FolderSettings:
    """From its table in sources.toml; mistakes are noted there."""
    table.allow(("kind", "root", HARD_LINKS))
    return FolderSettings(id_, origin.path(table.text("root")), table.flag(HARD_LINKS, default=False))


def read_bucket(id_: str, table: Table, origin: Origin) -> BucketSettings:
    """From its table in sources.toml; mistakes are noted there."""
    table.allow(("kind", *ROOT_KEYS))
    return BucketSettings(id_, read_root(table, origin))
