"""A mail server on loopback: real SMTP that answers as a test says, and remembers."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

OK = "250 OK"
USER, PASSWORD = "exportd", "open sesame"


@dataclass(frozen=True, slots=True)
class Mail:
    """What was accepted: the envelope, the message as its reader has it, and whether it came encrypted."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    encrypted: bool
    user: str


@dataclass
class MailServer:
    """Answers MAIL, RCPT and DATA with what stands in `mail_from`, `recipient` and `data`; keeps the mails it accepted.

    With `silent` it does not answer DATA before that is set.
    """

    port: int = 0
    mail_from: str = OK
    recipient: str = OK
    data: str = OK
    silent: asyncio.Event | None = None
    mails: list[Mail] = field(default_factory=list)
    user: str = ""

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mail_from == OK:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.mail_from

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.recipient == OK:
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.silent:
            await self.silent.wait()
        message = message_from_bytes(envelope.original_content or b"", policy=default)
        assert isinstance(message, EmailMessage)
        if self.data == OK:
            encrypted = session.ssl is not None
            self.mails.append(Mail(envelope.mail_from or "", envelope.rcpt_tos, message, encrypted, self.user))
        return self.data

    def authenticated(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: LoginPassword
    ) -> AuthResult:
        known = (login.login, login.password) == (USER.encode(), PASSWORD.encode())
        self.user = USER if known else ""
        return AuthResult(success=known, handled=False)


@asynccontextmanager
async def mail_server(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, login: bool = False
) -> AsyncIterator[MailServer]:
    """A mail server on a port of its own: plain, with STARTTLS, or encrypted from the first byte; `login`: required."""
    kept = MailServer()

    def protocol() -> SMTP:
        return SMTP(
            kept,
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required=login,
            auth_require_tls=starttls is not None,
            authenticator=kept.authenticated,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls)
    async with server:
        kept.port = server.sockets[0].getsockname()[1]
        yield kept
