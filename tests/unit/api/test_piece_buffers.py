"""Messages of a download in memory that is used again."""

import pytest

from exportd.v1.export_service_pb2 import DownloadFileResponse
from services.api.rpc.piece_buffers import PieceBuffers

LENGTH = 70_000


def filled(buffers: PieceBuffers, byte: bytes, length: int = LENGTH) -> bytes:
    def fill(data: memoryview) -> bool:
        data[:] = byte * length
        return True

    message = buffers.filled(length, fill)
    assert message
    return message


@pytest.mark.parametrize("length", [1, 127, 128, 16_383, 16_384, 1 << 20])
def test_a_message_is_that_of_protobuf(length: int) -> None:
    message = filled(PieceBuffers(), b"x", length)
    assert message == DownloadFileResponse(data=b"x" * length).SerializeToString()


def test_a_message_that_is_held_does_not_change() -> None:
    buffers = PieceBuffers()
    held = [filled(buffers, bytes([byte])) for byte in range(5)]
    assert [DownloadFileResponse.FromString(message).data for message in held] == [
        bytes([byte]) * LENGTH for byte in range(5)
    ]


def test_messages_that_are_not_held_share_their_memory() -> None:
    buffers, places = PieceBuffers(), set()
    for byte in range(6):
        message = filled(buffers, bytes([byte]))
        assert message[-1] == byte
        places.add(id(message))
        del message
    assert len(places) == 1


def test_no_memory_is_kept_where_nothing_is_found() -> None:
    buffers = PieceBuffers()
    before = id(filled(buffers, b"x"))
    assert buffers.filled(LENGTH, lambda _: False) is None
    held = bytes(LENGTH + 40)  # takes its place, if that is free
    assert id(filled(buffers, b"z")) != before
    assert held
