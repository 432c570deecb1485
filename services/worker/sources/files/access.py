"""Sources of kind parquet and csv."""

import os

from services.worker.ports import Source
from services.worker.sources.access import Access, RowOptions
from services.worker.sources.files.check import check
from services.worker.sources.files.settings import FileSettings
from services.worker.sources.files.source import FileSource
from services.worker.sources.files.whole import frames
from services.worker.sources.stores import s3
from services.worker.sources.stores.s3 import ObjectRoot


def _open_rows(settings: FileSettings, options: RowOptions) -> Source:
    return FileSource(settings, options)


def _reach(settings: FileSettings) -> None:
    match settings.root:
        case ObjectRoot():
            s3.reach(settings.root)
        case _:
            os.scandir(settings.root).close()


ACCESS = Access(open_rows=_open_rows, open_lines=frames.opened, check=check, reach=_reach)
