"""Parses the messages of a download without copying their data."""

from google.protobuf.message import DecodeError

from exportd.v1.export_service_pb2 import DownloadFileResponse, DownloadHeader
from exportd_client.errors import DownloadDamaged

_TAG = DownloadFileResponse.DATA_FIELD_NUMBER << 3 | 2
_MORE = 0x80
"""The bit that is set in every byte of a varint except the last."""


def header_of(message: bytes) -> DownloadHeader:
    """Return the header from the first message. Raises DownloadDamaged if the message cannot be decoded."""
    return _decoded(message).header


def data_of(message: bytes) -> memoryview:
    """Return the data of a later message. Raises DownloadDamaged if the message cannot be decoded."""
    begin, length = _field(message)
    if begin and begin + length == len(message):
        return memoryview(message)[begin:]
    return memoryview(_decoded(message).data)  # it has fields that this version does not know


def _field(message: bytes) -> tuple[int, int]:
    """Return the offset and the length of the data if the message begins with it; otherwise (0, 0)."""
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
