"""Collects a file in memory and verifies it."""

import hashlib

from exportd.v1.export_pb2 import File
from exportd_client.errors import DownloadDamaged


class FileBuffer:
    """The bytes of a file as they arrive, in one allocation of the file's size."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._bytes = bytearray(file.size_bytes)
        self._size = 0

    def append(self, data: bytes | memoryview) -> None:
        """Append the next bytes. Raises DownloadDamaged if they exceed the size of the file."""
        if self._size + len(data) > self._file.size_bytes:
            raise DownloadDamaged("the service sent more bytes than the file has; ask again")
        self._bytes[self._size : self._size + len(data)] = data
        self._digest.update(data)
        self._size += len(data)

    def whole(self) -> bytearray:
        """Return all bytes without copying them. Raises DownloadDamaged if the size or the sha256 is wrong."""
        if self._size != self._file.size_bytes or self._digest.hexdigest() != self._file.sha256:
            raise DownloadDamaged("the file arrived damaged: its sha256 differs; read it again")
        return self._bytes
