"""The mail server of chaos hears mails as exportd writes them, and causes trouble once."""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import aiosmtplib
import pytest

from chaos.ledger import Announcement, Channel, Ledger
from chaos.mail_server import SENDER, MailServer
from services.api.domain.notifications import Channel as DeliveryChannel
from services.api.domain.notifications import Delivery, DeliveryState
from services.api.notify.mail_text import mail

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOTICE = {
    "idExportJob": "01935a00-0000-7000-8000-000000000001",
    "exportType": "Papers",
    "success": True,
    "status": "COMPLETED",
    "errorMessages": [],
    "durationMs": 2500,
    "fileName": "f.zip",
    "fileSizeBytes": 1234567,
}
FAILED = NOTICE | {
    "success": False,
    "status": "CANCELLED",
    "errorMessages": ["the worker stopped", "Column 'n' holds a value that is not integer."],
    "fileName": None,
    "fileSizeBytes": None,
}


def _request_ids(trouble: int) -> Iterator[str]:
    return (f"1-0-{n}" for n in count() if zlib.crc32(f"1-0-{n}".encode()) % 5 == trouble)


def _heard(request_id: str, notice: dict[str, object]) -> Announcement:
    """What such a mail announces."""
    return Announcement(
        channel=Channel.EMAIL,
        id="msg_1",
        recipient=f"{request_id}@chaos.test",
        export_id=str(notice["idExportJob"]),
        type="Papers",
        status=str(notice["status"]),
        success=bool(notice["success"]),
        errors=tuple(notice["errorMessages"]),  # type: ignore[arg-type]
        file_name=notice["fileName"],  # type: ignore[arg-type]
        file_size_bytes=notice["fileSizeBytes"],  # type: ignore[arg-type]
        duration_ms=None,
    )


async def _send(server: MailServer, request_id: str, notice: dict[str, object] = NOTICE) -> None:
    to = server.address(request_id)
    delivery = Delivery(
        id="msg_1",
        export_id="e",
        tenant="ash",
        run=1,
        channel=DeliveryChannel.EMAIL,
        target=to,
        notice=notice,
        state=DeliveryState.PENDING,
        attempt=1,
        next_attempt_time=NOW,
        create_time=NOW,
        end_time=None,
    )
    message = mail(delivery, SENDER, NOW).as_bytes()
    await aiosmtplib.send(message, sender=SENDER, recipients=[to], hostname="127.0.0.1", port=server.port)


@pytest.mark.parametrize("notice", [NOTICE, NOTICE | {"fileSizeBytes": 12}, FAILED])
async def test_a_mail_is_heard_as_it_was_announced(notice: dict[str, object]) -> None:
    ledger, request_id = Ledger(), next(_request_ids(2))
    async with MailServer(ledger) as server:
        await _send(server, request_id, notice)
    assert ledger.announcements == {request_id: [_heard(request_id, notice)]}


async def test_one_is_put_off_and_accepted_the_second_time() -> None:
    ledger, request_id = Ledger(), next(_request_ids(0))
    async with MailServer(ledger) as server:
        with pytest.raises(aiosmtplib.SMTPDataError, match="451"):
            await _send(server, request_id)
        assert not ledger.announcements
        await _send(server, request_id)
    assert ledger.announcements[request_id] == [_heard(request_id, NOTICE)]


async def test_one_is_accepted_and_its_connection_cut() -> None:
    ledger, request_id = Ledger(), next(_request_ids(1))
    async with MailServer(ledger) as server:
        with pytest.raises(aiosmtplib.SMTPServerDisconnected):
            await _send(server, request_id)
        await _send(server, request_id)
    assert ledger.announcements[request_id] == [_heard(request_id, NOTICE)] * 2


async def test_a_mail_without_a_text_is_heard_as_one_that_says_nothing() -> None:
    ledger, request_id = Ledger(), next(_request_ids(2))
    async with MailServer(ledger) as server:
        to = server.address(request_id)
        raw = b"Message-ID: <msg_1@chaos.test>\r\nContent-Type: text/html\r\n\r\n<p>Id: 1</p>"
        await aiosmtplib.send(raw, sender=SENDER, recipients=[to], hostname="127.0.0.1", port=server.port)
    (heard,) = ledger.announcements[request_id]
    assert heard == replace(heard, id="msg_1", recipient="None", export_id="", status="", success=False)
