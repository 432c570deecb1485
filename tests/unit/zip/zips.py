"""Archives to look at."""

import io
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from services.worker.zip.appender import ZipAppender
from services.worker.zip.records import Limits

MOMENT = datetime(2026, 11, 22, 21, 40, 4)  # noqa: DTZ001 - a ZIP knows no zones
LOW = Limits(size=1000, count=3)
"""zip64 begins here, so that small archives need it."""


class Appended:
    """The end of a file, which is all that a store of objects has."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.write, self.tell = file.write, file.tell

    def seekable(self) -> bool:
        return False


def zip_of(
    entries: Iterable[tuple[str, bytes]],
    spool_dir: Path,
    password: str = "",
    limits: Limits | None = None,
    *,
    seekable: bool = True,
) -> Path:
    path = spool_dir / "made.zip"
    with path.open("w+b") as file:
        end = file if seekable else cast("BinaryIO", Appended(file))
        appender = ZipAppender(end, MOMENT, spool_dir, password, limits)
        for name, content in entries:
            appender.add(name, io.BytesIO(content))
        appender.close()
    return path
