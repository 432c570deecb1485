"""Sends mails through an SMTP server, with one connection per attempt.

A mail is accepted if the server accepts its DATA.
"""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import aiosmtplib

from services.api.domain.links import MailLink
from services.api.domain.notifications import Delivery
from services.api.notify.mail_refusals import Stage, about_recipient
from services.api.notify.mail_text import mail
from services.api.notify.schedule import Accepted, Failed
from services.api.notify.settings import MailSettings, Tls
from services.api.notify.trust import Trust
from services.api.ports.clock import Clock
from services.contract.errors import ExportdError
from services.runtime.addresses import tls_reason

GOODBYE_S = 2.0

_GOOD = range(200, 300)


class MailLinkSource(Protocol):
    """Creates the links of mails."""

    async def of(self, delivery: Delivery) -> Sequence[MailLink]:
        """Return the links of a mail, the same at every attempt. Raises StoreUnavailable."""
        ...


class _NoLinks:
    async def of(self, delivery: Delivery) -> Sequence[MailLink]:  # noqa: ARG002 - see MailLinkSource
        return ()


NO_LINKS: MailLinkSource = _NoLinks()
"""Mails have no links."""


class MailSender:
    """Hands mails to the configured server, with exactly the configured encryption and login, never less."""

    def __init__(self, settings: MailSettings, clock: Clock, *, trust: Trust, links: MailLinkSource = NO_LINKS) -> None:
        self._settings = settings
        self._links = links
        self._clock = clock
        self._trust = trust

    def receiver(self, delivery: Delivery) -> str:  # noqa: ARG002 - the server is the same for all
        """Return the mail server."""
        return f"{self._settings.host}:{self._settings.port}"

    async def send(self, delivery: Delivery) -> Accepted | Failed:
        """Make one attempt. A refusal about the recipient is permanent.

        Everything before the message must end within `timeout`. The answer to the message has `accept_timeout`: a
        server that has received the mail delivers it even if the client stops waiting, and the next attempt would
        deliver it again.
        """
        try:
            links = await self._links.of(delivery)
        except ExportdError as refused:
            return Failed(f"the link could not be stored: {refused.reason}")
        message = mail(delivery, self._settings.sender, self._clock(), links).as_bytes()
        server = self._server(await self._trust.context())
        try:
            return await self._hand_over(delivery, message, server)
        except aiosmtplib.SMTPSenderRefused as refused:
            return _refused(Stage.SENDER, refused)
        except aiosmtplib.SMTPRecipientRefused as refused:
            return _refused(Stage.RECIPIENT, refused)
        except aiosmtplib.SMTPDataError as refused:
            return Accepted(str(refused.code)) if refused.code in _GOOD else _refused(Stage.MESSAGE, refused)
        except (aiosmtplib.SMTPException, OSError) as problem:
            return Failed(_in_words(problem))
        finally:
            await _leave(server)

    async def _hand_over(self, delivery: Delivery, message: bytes, server: aiosmtplib.SMTP) -> Accepted | Failed:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.timeout.total_seconds()):
                await server.connect()
                await server.mail(settings.sender)
                await server.rcpt(delivery.target)
        except TimeoutError:
            server.close()
            return Failed("timed out")
        try:
            async with asyncio.timeout(settings.accept_timeout.total_seconds()):
                await server.data(message)
        except TimeoutError:
            server.close()
            return Failed("timed out before the message was accepted: it may have arrived")
        return Accepted("250")

    def _server(self, tls: ssl.SSLContext) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=settings.password or None,
            use_tls=settings.tls is Tls.TLS,
            start_tls=settings.tls is Tls.STARTTLS,
            tls_context=tls,
            local_hostname=settings.sender.rpartition("@")[2],
            timeout=None,  # the two timeouts of an attempt enclose its commands
        )


async def _leave(server: aiosmtplib.SMTP) -> None:
    """Close the connection, ignoring errors: the server has already accepted or refused the mail."""
    if server.is_connected:
        with suppress(aiosmtplib.SMTPException, OSError):
            await server.quit(timeout=GOODBYE_S)
    server.close()


def _refused(stage: Stage, refusal: aiosmtplib.SMTPResponseException) -> Failed:
    """Return the failure with the code only, since the text may contain anything."""
    outcome = f"{refusal.code}: {stage.value} was refused"
    return Failed(outcome, for_good=about_recipient(stage, refusal.code, refusal.message))


def _in_words(problem: BaseException) -> str:
    if reason := tls_reason(problem):
        return f"TLS: {reason}"
    match problem:
        case aiosmtplib.SMTPAuthenticationError():
            return f"{problem.code}: the mail server refused the login"
        case aiosmtplib.SMTPResponseException():
            return f"{problem.code}: the mail server refused the connection"
        case aiosmtplib.SMTPConnectError() | aiosmtplib.SMTPServerDisconnected():
            return "the mail server could not be reached, or cut the connection"
        case _:
            return "the mail server lacks the encryption or the login of the settings, or does not speak proper SMTP"
