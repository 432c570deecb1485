"""The links in mails: one for each file however often a mail is tried, and readable nowhere else."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.api.domain.export import Export
from services.api.domain.links import LinkPolicy
from services.api.domain.notifications import Channel
from services.api.notify.mailing import MailSender
from services.api.notify.settings import MailSettings, Tls
from services.api.notify.trust import Trust
from services.api.secrets.keys import KeyDigests
from services.api.secrets.passwords import Passwords
from services.api.secrets.server_keys import ServerKeys
from services.api.usecases.mail_links import MailLinks
from tests.integration.notify.conftest import Office
from tests.ports.samples import OPTIONS
from tests.servers.certificates import usually_trusting
from tests.servers.smtp import OK, MailServer

SERVER = ServerKeys.of(bytes(32))
DIGESTS = KeyDigests(SERVER)
TO_ANNA = "anna@example.com"
MAY_READ = replace(OPTIONS, mail_links=True)
POLICY = LinkPolicy(timedelta(days=2), "https://exports.example.com")
URLS = re.compile(r"https://exports\.example\.com/links/(exl_[0-9A-Za-z]{56})")


def mail_links(office: Office, policy: LinkPolicy = POLICY) -> MailLinks:
    return MailLinks(
        office.store.links,
        office.store.exports,
        digests=DIGESTS,
        passwords=Passwords(SERVER),
        clock=office.clock,
        policy=policy,
    )


@pytest.fixture
async def linking(office: Office, mails: MailServer) -> Office:
    """Its mails have links."""
    settings = MailSettings("127.0.0.1", mails.port, Tls.NONE, "", "", "exports@example.org", timedelta(seconds=20))
    links = mail_links(office)
    office.senders[Channel.EMAIL] = MailSender(settings, office.clock, trust=Trust(usually_trusting), links=links)
    return office


async def completed(office: Office, **more: object) -> Export:
    return await office.completed(notify_email=TO_ANNA, **{"options": MAY_READ, **more})  # type: ignore[arg-type]


def tokens(mails: MailServer) -> list[set[str]]:
    """Of each mail, in any of its parts."""
    return [
        {token for part in mail.message.iter_parts() for token in URLS.findall(part.get_content())}
        for mail in mails.mails
    ]


async def test_a_mail_has_a_link_whose_token_is_stored_nowhere(
    linking: Office, mails: MailServer, tmp_path: Path
) -> None:
    export = await completed(linking)
    await linking.notifier().run_once()
    ((token,),) = tokens(mails)
    (link,) = await linking.store.links.page("acme", export.id, "", 9)
    assert DIGESTS.fits(link, token)
    assert (link.id, link.file_id, link.max_uses, link.sealed_token) == (token[4:14], export.file.id, 0, None)  # type: ignore[union-attr]
    assert link.delivery_id == (await linking.delivery(export)).id
    assert link.expire_time == linking.clock() + timedelta(days=2)
    secret = token[14:].encode()
    assert [path.name for path in tmp_path.iterdir() if secret in path.read_bytes()] == []


async def test_each_try_of_a_mail_has_the_same_link(linking: Office, mails: MailServer) -> None:
    export = await completed(linking)
    mails.data = "451 busy"
    for _ in range(3):
        await linking.notifier().run_once()
        (link,) = await linking.store.links.page("acme", export.id, "", 9)
        assert link.sealed_token is not None
        linking.clock.now += timedelta(minutes=40)
    mails.data = OK
    await linking.notifier().run_once()
    ((token,),) = tokens(mails)
    assert DIGESTS.fits(link, token)
    assert [each.id for each in await linking.store.links.page("acme", export.id, "", 9)] == [link.id]


async def test_a_token_that_is_kept_for_the_next_try_is_sealed(
    linking: Office, mails: MailServer, tmp_path: Path
) -> None:
    export = await completed(linking)
    (held,) = await linking.store.outbox.hold(1, linking.clock() + timedelta(minutes=1), linking.clock())
    (first,) = await mail_links(linking).of(held.delivery)
    (again,) = await mail_links(linking).of(held.delivery)
    assert first == again
    token = first.url.rpartition("/")[2]
    (link,) = await linking.store.links.page("acme", export.id, "", 9)
    assert link.sealed_token is not None
    assert token.encode() not in link.sealed_token
    assert [path.name for path in tmp_path.iterdir() if token[14:].encode() in path.read_bytes()] == []


async def test_a_mail_that_is_sent_once_more_has_a_link_of_its_own(linking: Office, mails: MailServer) -> None:
    export = await completed(linking)
    await linking.notifier().run_once()
    await linking.store.outbox.redeliver("acme", (await linking.delivery(export)).id, linking.clock())
    await linking.notifier().run_once()
    first, again = tokens(mails)
    assert first.isdisjoint(again)
    links = await linking.store.links.page("acme", export.id, "", 9)
    assert {link.id for link in links} == {token[4:14] for token in first | again}


@pytest.mark.parametrize("why", ["its creator may not read it", "no gateway", "the file has expired", "cancelled"])
async def test_a_mail_has_no_link(office: Office, mails: MailServer, why: str) -> None:
    policy = LinkPolicy() if why == "no gateway" else POLICY
    if why == "cancelled":
        export = await office.cancelled(notify_email=TO_ANNA, options=MAY_READ)  # type: ignore[arg-type]
    else:
        export = await completed(office, options=OPTIONS if why.startswith("its") else MAY_READ)
    if why == "the file has expired":
        office.clock.now += timedelta(days=7)
    assert await mail_links(office, policy).of(await office.delivery(export)) == []
    assert await office.store.links.page("acme", export.id, "", 9) == []


async def test_a_callback_has_no_link(linking: Office) -> None:
    export = await linking.completed(callback_url="http://127.0.0.1:1/", options=MAY_READ)  # type: ignore[arg-type]
    assert set((await linking.delivery(export)).notice) == {
        *("idExportJob", "exportType", "success", "status", "errorMessages"),
        *("durationMs", "fileName", "fileSizeBytes"),
    }
    await linking.notifier().run_once()
    assert await linking.store.links.page("acme", export.id, "", 9) == []
