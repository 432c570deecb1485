"""Mails through a real SMTP server."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from services.api.domain.notifications import Channel
from services.api.notify.mailing import MailSender
from services.api.notify.schedule import Accepted, Failed
from services.api.notify.settings import MailSettings, Tls
from services.api.notify.trust import Trust
from tests.integration.notify.samples import NOTICE, delivery
from tests.servers.certificates import (
    Certified,
    certified,
    certified_by_lax_authority,
    strictly_trusting,
    usually_trusting,
)
from tests.servers.smtp import PASSWORD, USER, MailServer, mail_server

TO_ANNA = delivery(Channel.EMAIL, "anna@example.com")
SETTINGS = MailSettings("127.0.0.1", 0, Tls.NONE, "", "", "exports@example.org", timedelta(seconds=20))


def sender(server: MailServer, ca: Certified | None = None, **changed: object) -> MailSender:
    settings = replace(SETTINGS, port=server.port, **changed)  # type: ignore[arg-type]
    tls = ssl.create_default_context(cafile=ca.ca_file) if ca else usually_trusting()
    return MailSender(settings, lambda: datetime.now(UTC), trust=Trust(lambda: tls))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("tls"), "127.0.0.1")


async def test_a_mail_arrives_with_its_id_and_both_parts() -> None:
    async with mail_server() as server:
        assert await sender(server).send(TO_ANNA) == Accepted("250")
    (mail,) = server.mails
    assert (mail.sender, mail.recipients) == ("exports@example.org", ["anna@example.com"])
    assert mail.message["To"] == "anna@example.com"
    assert mail.message["From"] == "exports@example.org"
    assert mail.message["Subject"] == "Export completed: Facturas año (invoices.xlsx)"
    assert mail.message["Message-ID"] == "<msg_1@example.org>"
    assert [part.get_content_type() for part in mail.message.iter_parts()] == ["text/plain", "text/html"]
    assert all(NOTICE["idExportJob"] in part.get_content() for part in mail.message.iter_parts())


async def test_a_login_over_starttls_is_made_before_the_mail(certificate: Certified) -> None:
    async with mail_server(starttls=certificate.server, login=True) as server:
        mails = sender(server, certificate, tls=Tls.STARTTLS, user=USER, password=PASSWORD)
        assert await mails.send(TO_ANNA) == Accepted("250")
    assert [(mail.encrypted, mail.user) for mail in server.mails] == [(True, USER)]


async def test_a_connection_can_be_encrypted_from_its_first_byte(certificate: Certified) -> None:
    async with mail_server(tls=certificate.server) as server:
        assert await sender(server, certificate, tls=Tls.TLS).send(TO_ANNA) == Accepted("250")
    assert len(server.mails) == 1


async def test_without_the_encryption_that_is_asked_for_nothing_is_sent() -> None:
    async with mail_server() as server:
        result = await sender(server, tls=Tls.STARTTLS).send(TO_ANNA)
    assert isinstance(result, Failed)
    assert result.outcome.startswith("the mail server lacks the encryption")
    assert server.mails == []


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.TLS])
async def test_a_certificate_that_nobody_vouches_for_is_not_believed(certificate: Certified, tls: Tls) -> None:
    async with mail_server(**{tls.value: certificate.server}) as server:  # type: ignore[arg-type]
        result = await sender(server, tls=tls).send(TO_ANNA)
    assert result == Failed("TLS: self-signed certificate")
    assert server.mails == []


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.TLS])
async def test_what_tls_finds_wrong_is_told_in_openssls_words(tmp_path: Path, tls: Tls) -> None:
    certificate = certified_by_lax_authority(tmp_path, "127.0.0.1")
    async with mail_server(**{tls.value: certificate.server}) as server:  # type: ignore[arg-type]
        settings = replace(SETTINGS, port=server.port, tls=tls)
        trusting = partial(strictly_trusting, certificate.ca_file)
        mails = MailSender(settings, lambda: datetime.now(UTC), trust=Trust(trusting))
        assert await mails.send(TO_ANNA) == Failed("TLS: Basic Constraints of CA cert not marked critical")


async def test_a_refused_login_is_a_failure_that_an_operator_mends(certificate: Certified) -> None:
    async with mail_server(starttls=certificate.server, login=True) as server:
        mails = sender(server, certificate, tls=Tls.STARTTLS, user=USER, password="wrong")
        assert await mails.send(TO_ANNA) == Failed("535: the mail server refused the login")


@pytest.mark.parametrize(
    ("field", "answer", "expected"),
    [
        ("mail_from", "530 Must issue STARTTLS", Failed("530: the sender was refused")),
        ("mail_from", "530 5.7.0 Authentication required", Failed("530: the sender was refused")),
        ("recipient", "554 5.7.1 Relay access denied", Failed("554: the address was refused")),
        ("recipient", "450 busy, come later", Failed("450: the address was refused")),
        ("recipient", "550 nobody of that name", Failed("550: the address was refused", for_good=True)),
        ("data", "451 disk full", Failed("451: the message was refused")),
        ("data", "554 this is spam", Failed("554: the message was refused")),
        ("data", "550 5.1.1 no such user", Failed("550: the message was refused", for_good=True)),
        ("data", "251 forwarded", Accepted("251")),
    ],
)
async def test_a_refusal_is_for_good_when_it_is_about_the_recipient(
    field: str, answer: str, expected: Accepted | Failed
) -> None:
    async with mail_server() as server:
        setattr(server, field, answer)
        assert await sender(server).send(TO_ANNA) == expected
    assert server.mails == []


async def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    async with mail_server() as server:
        server.silent = asyncio.Event()
        result = await sender(server, accept_timeout=timedelta(seconds=0.3)).send(TO_ANNA)
        server.silent.set()
    assert result == Failed("timed out before the message was accepted: it may have arrived")


async def test_a_server_that_greets_nobody_is_given_up_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        mails = sender(MailServer(port=server.sockets[0].getsockname()[1]), timeout=timedelta(seconds=0.3))
        assert await mails.send(TO_ANNA) == Failed("timed out")


async def test_a_server_that_is_away_is_a_failure() -> None:
    async with mail_server() as server:
        pass
    result = await sender(server).send(TO_ANNA)
    assert result == Failed("the mail server could not be reached, or cut the connection")


async def test_a_goodbye_that_is_not_answered_takes_nothing_back() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Says yes to everything, and to QUIT nothing at all."""
        writer.write(b"220 mail.test\r\n")
        body = False
        while line := await reader.readline():
            if body:
                body = line != b".\r\n"
            if line.startswith(b"QUIT"):
                break
            if not body:
                body = line.startswith(b"DATA")
                writer.write(b"354 go on\r\n" if body else b"250 OK\r\n")
        writer.close()

    rude_server = await asyncio.start_server(rude, "127.0.0.1", 0)
    async with rude_server:
        port = rude_server.sockets[0].getsockname()[1]
        assert await sender(MailServer(port=port)).send(TO_ANNA) == Accepted("250")
