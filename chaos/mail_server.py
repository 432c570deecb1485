"""The mail server that receives notifications: real SMTP, which delays or breaks some mails at the first attempt."""

import asyncio
import re
import zlib
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from chaos.ledger import Announcement, Channel, Ledger

DOMAIN = "chaos.test"
SENDER = f"exportd@{DOMAIN}"

_TROUBLED_OF = 5
"""In one of this number of scenarios the first mail is deferred (451).

In another one the connection is cut after the mail was accepted, so that the sender is not told. The next attempt comes
five seconds later.
"""

_OK, _LATER = "250 OK", "451 try again later"


class MailServer:
    """Serves on loopback while the context lasts. Every accepted mail is recorded in the `ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self.port = 0
        self._ledger = ledger
        self._troubled: set[str] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, hostname=f"mail.{DOMAIN}"), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    @staticmethod
    def address(request_id: str) -> str:
        """Return the mail address for the end of a scenario's export."""
        return f"{request_id}@{DOMAIN}"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Return the answer to a mail; called by aiosmtpd."""
        (recipient,) = envelope.rcpt_tos
        request_id = recipient.partition("@")[0]
        trouble = self._trouble(request_id)
        if trouble == 0:
            return _LATER
        self._ledger.announcements[request_id].append(announcement(envelope.original_content or b""))
        if trouble == 1 and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return _OK

    def _trouble(self, request_id: str) -> int | None:
        """Return which trouble the first mail of a scenario meets; None if there is none."""
        if request_id in self._troubled:
            return None
        self._troubled.add(request_id)
        return zlib.crc32(request_id.encode()) % _TROUBLED_OF


def announcement(content: bytes) -> Announcement:
    """Return the content of a mail, read from its headers and its text. Missing fields are empty."""
    message = message_from_bytes(content, policy=default)
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
    text = body.get_content().replace("\r\n", "\n") if body else ""
    size = re.search(r"^Size: .*?(\d+) bytes\)?$", text, re.MULTILINE)
    return Announcement(
        channel=Channel.EMAIL,
        id=str(message["Message-ID"]).strip("<>").partition("@")[0],
        recipient=str(message["To"]),
        export_id=_field(text, "Id"),
        type=_field(text, "Export"),
        status=_field(text, "State"),
        success=text.startswith("Export completed\n"),
        errors=tuple(re.findall(r"^- (.*)$", text, re.MULTILINE)),
        file_name=_field(text, "File") or None,
        file_size_bytes=int(size[1]) if size else None,
        duration_ms=None,
    )


def _field(text: str, name: str) -> str:
    match = re.search(rf"^{name}: +(.*)$", text, re.MULTILINE)
    return match[1].strip() if match else ""
