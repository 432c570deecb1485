"""A download that has begun."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from exportd.v1.export_pb2 import File
from exportd.v1.export_service_pb2 import DownloadHeader


@dataclass(frozen=True, slots=True)
class Download:
    """The header, which has the file, and the pieces, of up to 1 MiB each."""

    header: DownloadHeader
    pieces: AsyncGenerator[memoryview]

    @property
    def file(self) -> File:
        """The file that is sent."""
        return self.header.file
