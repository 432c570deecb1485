"""The messages of a download without protobuf: whatever protobuf writes is read, and nothing else."""

import pytest

from exportd.v1.export_service_pb2 import DownloadFileResponse
from exportd_client import DownloadDamaged
from exportd_client.download_message import data_of, header_of

UNKNOWN = b"\xfa\x3f\x01x"
"""A field 1023 of one byte."""


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 1_048_575, 1_048_576])
@pytest.mark.parametrize("place", ["alone", "before", "behind"])
def test_data_is_what_protobuf_wrote_also_beside_what_a_later_version_says(length: int, place: str) -> None:
    data = bytes(range(256)) * (length // 256) + bytes(range(length % 256))
    message = DownloadFileResponse(data=data).SerializeToString()
    message = {"alone": message, "before": UNKNOWN + message, "behind": message + UNKNOWN}[place]
    assert data_of(message) == data


def test_data_is_not_copied() -> None:
    message = DownloadFileResponse(data=bytes(1000)).SerializeToString()
    assert data_of(message).obj is message


def test_a_header_has_no_data_and_data_no_header() -> None:
    header = DownloadFileResponse(header={"offset": 7}).SerializeToString()
    assert (header_of(header).offset, data_of(header)) == (7, b"")
    assert not header_of(DownloadFileResponse(data=b"1").SerializeToString()).HasField("file")


@pytest.mark.parametrize(
    "message", [b"\x12", b"\x12\x05abc", b"\x12\xff\xff\xff\xff\xff\xff", b"\x12\x01ab", b"\xff", b"\x0a\x05abc"]
)
def test_what_is_no_message_is_damaged(message: bytes) -> None:
    with pytest.raises(DownloadDamaged):
        data_of(message)
    with pytest.raises(DownloadDamaged):
        header_of(message)
