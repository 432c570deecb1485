"""Attachments in a folder: sources of kind folder."""

import os
from collections.abc import Sequence
from typing import BinaryIO

from services.contract.spec import AttachmentSpec
from services.worker.ports import Row
from services.worker.sources.access import Access
from services.worker.sources.attachments.settings import FolderSettings
from services.worker.sources.check.problems import Probe, Problem
from services.worker.sources.stores.folder import Folder

_CONCURRENCY = 4
"""Number of files opened at the same time.

A network folder needs some time for each, so others are opened while one is packed.
"""


class FolderFiles:
    """The AttachmentFiles of a folder, by path. `open` may be called by several threads."""

    concurrency = _CONCURRENCY

    def __init__(self, settings: FolderSettings) -> None:
        self._folder = Folder(settings.id, settings.root, hard_links=settings.hard_links)

    def open(self, _attachment: AttachmentSpec, path: str, _row: Row) -> BinaryIO | None:
        """See ports.AttachmentFiles."""
        return self._folder.open(path)

    def close(self) -> None:
        """See ports.AttachmentFiles. No file is kept open."""


def _check(settings: FolderSettings, _: Sequence[Probe]) -> list[Problem]:
    try:
        with os.scandir(settings.root):
            return []
    except OSError as error:
        said = f"{settings.root}: {error.strerror}"
        return [Problem(settings.id, "The folder cannot be listed.", "correct root in the sources file", cause=said)]


def _reach(settings: FolderSettings) -> None:
    os.scandir(settings.root).close()


ACCESS = Access(open_attachments=FolderFiles, check=_check, reach=_reach)
