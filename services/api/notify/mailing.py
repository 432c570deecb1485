"""Mails through an SMTP server: one connection a try; accepted is what the server said yes to after DATA."""

import asyncio
import ssl
from contextlib import suppress

import aiosmtplib

from services.api.domain.notifications import Delivery
from services.api.notify.mail_text import mail
from services.api.notify.schedule import Accepted, Failed
from services.api.notify.settings import MailSettings, Tls
from services.api.ports.clock import Clock

GOODBYE_S = 2.0

_PERMANENT = range(500, 600)
_Refusal = aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError


class MailSender:
    """Hands mails to the server of the settings, logged in and encrypted as they say, never less."""

    def __init__(self, settings: MailSettings, clock: Clock, *, tls: ssl.SSLContext) -> None:
        self._settings = settings
        self._clock = clock
        self._tls = tls

    def receiver(self, delivery: Delivery) -> str:  # noqa: ARG002 - whoever it is for
        """The one mail server."""
        return f"{self._settings.host}:{self._settings.port}"

    async def send(self, delivery: Delivery) -> Accepted | Failed:
        """Hand it over once, within the timeout. What the server refuses with 5xx is refused for good.

        But for its greeting and the login: these an operator mends.
        """
        server = self._server()
        try:
            async with asyncio.timeout(self._settings.timeout.total_seconds()):
                await self._hand_over(delivery, server)
        except TimeoutError:
            server.close()
            return Failed("timed out")
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return _refused(refused.recipients[0])
        except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as refused:
            return _refused(refused)
        except (aiosmtplib.SMTPException, OSError) as problem:
            return Failed(_in_words(problem))
        else:
            return Accepted("250")
        finally:
            await _leave(server)

    async def _hand_over(self, delivery: Delivery, server: aiosmtplib.SMTP) -> None:
        message = mail(delivery, self._settings.sender, self._clock()).as_bytes()
        await server.connect()
        await server.sendmail(self._settings.sender, [delivery.target], message)

    def _server(self) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=settings.password or None,
            use_tls=settings.tls is Tls.TLS,
            start_tls=settings.tls is Tls.STARTTLS,
            tls_context=self._tls,
            local_hostname=settings.sender.rpartition("@")[2],
            timeout=settings.timeout.total_seconds(),
        )


async def _leave(server: aiosmtplib.SMTP) -> None:
    """Whatever comes of it, the server has the mail, or has refused it."""
    if server.is_connected:
        with suppress(aiosmtplib.SMTPException, OSError):
            await server.quit(timeout=GOODBYE_S)
    server.close()


def _refused(refusal: _Refusal) -> Failed:
    """With the code alone: the text may hold anything."""
    what = {aiosmtplib.SMTPSenderRefused: "the sender", aiosmtplib.SMTPDataError: "the message"}
    outcome = f"{refusal.code}: {what.get(type(refusal), 'the address')} was refused"
    return Failed(outcome, for_good=refusal.code in _PERMANENT)


def _in_words(problem: BaseException) -> str:
    match problem:
        case ssl.SSLCertVerificationError() | BaseException(__cause__=ssl.SSLCertVerificationError()):
            return "TLS: the certificate of the mail server is not valid for it"
        case aiosmtplib.SMTPAuthenticationError():
            return f"{problem.code}: the mail server refused the login"
        case aiosmtplib.SMTPResponseException():
            return f"{problem.code}: the mail server refused the connection"
        case aiosmtplib.SMTPConnectError() | aiosmtplib.SMTPServerDisconnected():
            return "the mail server could not be reached, or cut the connection"
        case _:
            return "the mail server lacks the encryption or the login of the settings, or speaks no proper SMTP"
