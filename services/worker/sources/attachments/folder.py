"""Attachments in a folder: sources of kind folder."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from services.contract.spec import AttachmentSpec
from services.runtime.toml import Table
from services.worker.ports import Row
from services.worker.sources.check.problems import Probe, Problem
from services.worker.sources.kind import SourceKind
from services.worker.sources.origin import Origin
from services.worker.sources.stores.folder import HARD_LINKS, Folder

_KEYS = ("kind", "root", HARD_LINKS)
_CONCURRENCY = 4
"""A folder across a network takes its time for each file: a few are on their way while another is packed."""


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """`root` is the directory that every file is below; absolute. `hard_links`: whether they may have other names."""

    kind: ClassVar[str] = "folder"
    id: str
    root: Path
    hard_links: bool = False


class FolderFiles:
    """Files by their paths. `open` may be called by several threads."""

    concurrency = _CONCURRENCY

    def __init__(self, settings: FolderSettings) -> None:
        self._folder = Folder(settings.id, settings.root, hard_links=settings.hard_links)

    def open(self, _attachment: AttachmentSpec, path: str, _row: Row) -> BinaryIO | None:
        """See ports.AttachmentFiles."""
        return self._folder.open(path)

    def close(self) -> None:
        """See ports.AttachmentFiles. Nothing is kept open."""


def _read(id_: str, table: Table, origin: Origin) -> FolderSettings:
    table.allow(_KEYS)
    return FolderSettings(id_, origin.path(table.text("root")), table.flag(HARD_LINKS, default=False))


def _check(settings: FolderSettings, _: Sequence[Probe]) -> list[Problem]:
    try:
        with os.scandir(settings.root):
            return []
    except OSError as error:
        said = f"{settings.root}: {error.strerror}"
        return [Problem(settings.id, "The folder cannot be listed.", "correct root in the sources file", cause=said)]


def _reach(settings: FolderSettings) -> None:
    os.scandir(settings.root).close()


FOLDER = SourceKind(FolderSettings, _read, open_attachments=FolderFiles, check=_check, reach=_reach)
