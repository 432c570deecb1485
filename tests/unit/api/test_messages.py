import json

import pytest

from services.api.live.shared.messages import MAX_PAYLOAD_BYTES, Kind, Message

ID = "01935a00-0000-7000-8000-000000000001"


def test_a_message_is_read_as_it_was_written() -> None:
    items = {
        Kind.CHANGED: [(ID,)],
        Kind.WORK: [("rows/sql/ñ", "acme", "w"), ("", "", "")],
        Kind.POLLS: [()],
        Kind.DIRECTIVE: [("CANCEL", "x")],
    }
    message = Message("here", items)
    assert Message.read(message.payload()) == message


@pytest.mark.parametrize(("count", "fits"), [(150, True), (250, False)])
def test_what_does_not_fit_says_to_look_at_everything(count: int, fits: bool) -> None:
    payload = Message("here", {Kind.CHANGED: [(ID,)] * count}).payload()
    assert len(payload.encode()) <= MAX_PAYLOAD_BYTES
    assert Message.read(payload).everything is not fits
    assert Message.read(payload).sender == "here"


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "no json",
        "[]",
        "null",
        "{}",
        json.dumps({"from": "later version", "unknown": []}),
        json.dumps({"from": "x", "c": 5}),
        json.dumps({"from": "x", "c": [5]}),
        "[" * 100_000,
    ],
)
def test_what_cannot_be_read_says_to_look_at_everything(payload: str) -> None:
    assert Message.read(payload) == Message("", everything=True)
