"""A file in memory, verified."""

import hashlib

from exportd.v1.export_pb2 import File
from exportd_client.errors import DownloadDamaged


class FileBuffer:
    """The bytes of a file as they arrive. Of one allocation, which grows to no more than the file's size."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._bytes = bytearray(file.size_bytes)
        self._size = 0

    def append(self, data: bytes | memoryview) -> None:
        """DownloadDamaged: more than the file has."""
        if self._size + len(data) > self._file.size_bytes:
            raise DownloadDamaged("the service sent more bytes than the file has; ask again")
        self._bytes[self._size : self._size + len(data)] = data
        self._digest.update(data)
        self._size += len(data)

    def whole(self) -> bytearray:
        """All of it, not copied. DownloadDamaged: its size or its sha256 is another one."""
        if self._size != self._file.size_bytes or self._digest.hexdigest() != self._file.sha256:
            raise DownloadDamaged("the file arrived damaged: its sha256 differs; read it again")
        return self._bytes
