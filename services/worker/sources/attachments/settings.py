"""Settings of attachments that are files: in a folder or in a bucket."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from services.runtime.toml import Table
from services.worker.sources.origin import Origin
from services.worker.sources.stores.folder import HARD_LINKS
from services.worker.sources.stores.s3 import ROOT_KEYS, ObjectRoot, read_root


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """A folder with files. `root` is an absolute path. `hard_links` allows files that also have other names."""

    kind: ClassVar[str] = "folder"
    id: str
    root: Path
    hard_links: bool = False


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """A bucket with objects below `root`."""

    kind: ClassVar[str] = "object"
    id: str
    root: ObjectRoot


def read_folder(id_: str, table: Table, origin: Origin) -> FolderSettings:
    """Read the settings from a table of sources.toml. Mistakes are noted there."""
    table.allow(("kind", "root", HARD_LINKS))
    return FolderSettings(id_, origin.path(table.text("root")), table.flag(HARD_LINKS, default=False))


def read_bucket(id_: str, table: Table, origin: Origin) -> BucketSettings:
    """Read the settings from a table of sources.toml. Mistakes are noted there."""
    table.allow(("kind", *ROOT_KEYS))
    return BucketSettings(id_, read_root(table, origin))
