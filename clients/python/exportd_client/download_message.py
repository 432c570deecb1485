"""The messages of a download as they come, without a copy of their data."""

from google.protobuf.message import DecodeError

from exportd.v1.export_service_pb2 import DownloadFileResponse, DownloadHeader
from exportd_client.errors import DownloadDamaged

_TAG = DownloadFileResponse.DATA_FIELD_NUMBER << 3 | 2
_MORE = 0x80
"""The bit of a byte of a length that another one follows."""


def header_of(message: bytes) -> DownloadHeader:
    """Of the first message. DownloadDamaged: it is none of a download."""
    return _decoded(message).header


def data_of(message: bytes) -> memoryview:
    """Of each later one. DownloadDamaged: it is none of a download."""
    begin, length = _field(message)
    if begin and begin + length == len(message):
        return memoryview(message)[begin:]
    return memoryview(_decoded(message).data)  # with something that this version does not know


def _field(message: bytes) -> tuple[int, int]:
    """Where the data begins and how long it is, when the message begins with it; else 0 and 0."""
    length = 0
    for place, byte in enumerate(message[1:6] if message[:1] == bytes((_TAG,)) else b""):
        length |= (byte & ~_MORE) << 7 * place
        if not byte & _MORE:
            return place + 2, length
    return 0, 0


def _decoded(message: bytes) -> DownloadFileResponse:
    try:
        return DownloadFileResponse.FromString(message)
    except DecodeError:
        raise DownloadDamaged("what the service sent cannot be decoded; download it again") from None
