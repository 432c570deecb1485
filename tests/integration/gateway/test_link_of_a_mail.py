"""From an export over its mail and the link in it to the file, as the reader of the mail goes."""

import asyncio
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from demo.ports import free_port
from exportd.v1 import export_pb2
from services.api.domain.links import LinkPolicy
from services.api.notify.settings import MailSettings, Tls
from services.api.settings import ApiSettings
from tests.integration.api.conftest import Api, Worker, serving, until
from tests.integration.gateway.conftest import Gateway, opened
from tests.patience import PATIENCE_S
from tests.servers.chromium import MISSING, PROGRAM, Browser, chromium
from tests.servers.smtp import MailServer, mail_server

CONTENT = b"id,total\r\n" * 5_000
NAME = "pedidos año 2026.csv"


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


@pytest.fixture
def port() -> int:
    """Of the gateway, which the api must know before there is one."""
    return free_port()


@pytest.fixture
def settings(settings: ApiSettings, mails: MailServer, port: int) -> ApiSettings:
    mail = MailSettings("127.0.0.1", mails.port, Tls.NONE, "", "", "exports@example.org", timedelta(seconds=20))
    links = LinkPolicy(timedelta(days=2), f"http://127.0.0.1:{port}")
    return replace(settings, notify=replace(settings.notify, mail=mail), links=links)


@pytest.fixture
async def api(settings: ApiSettings) -> AsyncIterator[Api]:
    async with serving(settings) as served:
        yield served


@pytest.fixture
async def gateway(api: Api, port: int) -> AsyncIterator[Gateway]:
    async with opened(api.target, EXPORTD_GATEWAY_LISTEN=f"127.0.0.1:{port}") as served:
        yield served


@dataclass(frozen=True)
class Sent:
    """A mail as its reader has it."""

    export: export_pb2.Export
    text: str
    html: str

    @property
    def url(self) -> str:
        (url,) = {*re.findall(r"http://\S+/links/\w+", self.text)}
        return url


@pytest.fixture
async def sent(api: Api, gateway: Gateway, worker: Worker, mails: MailServer) -> Sent:
    created = await api.create(notify_email="anna@example.com", filename=NAME)
    await worker.build(CONTENT)
    await until(lambda: bool(mails.mails))
    text, html = (part.get_content() for part in mails.mails[0].message.iter_parts())
    return Sent(await api.get(created.id), text, html)


async def test_the_link_of_a_mail_leads_to_the_file(gateway: Gateway, sent: Sent) -> None:
    assert sent.url in sent.html
    async with gateway.session.get(sent.url) as answer:
        assert NAME in await answer.text()
    async with gateway.session.post(sent.url) as answer:
        content = await answer.read()
        assert answer.headers["ETag"] == f'"{sent.export.file.sha256}"'
    assert hashlib.sha256(content).hexdigest() == sent.export.file.sha256


@pytest.mark.skipif(not shutil.which("curl"), reason="this machine has no curl")
async def test_curl_downloads_it_in_one_line(gateway: Gateway, sent: Sent, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    words = ("curl", "-fsSOJL", "-d", "", sent.url)
    process = await asyncio.create_subprocess_exec(*words, cwd=folder, env={"PATH": "/usr/bin:/bin"})
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 0
    (file,) = folder.iterdir()
    assert file.read_bytes() == CONTENT


@pytest.mark.skipif(not PROGRAM, reason=MISSING)
async def test_a_browser_without_scripts_goes_from_the_mail_to_the_file_by_keyboard(
    gateway: Gateway, sent: Sent, tmp_path: Path
) -> None:
    """It leaves pictures of the mail and of the page in the folder of the test."""
    (tmp_path / "mail.html").write_text(sent.html, encoding="utf-8")
    async with chromium(tmp_path) as browser:
        await browser.sized(760, 760)
        await browser.open(f"file://{tmp_path}/mail.html")
        await browser.picture(tmp_path / "mail.png")
        await browser.sized(360, 740)
        await browser.picture(tmp_path / "mail-phone.png")
        await _fits(browser)
        await browser.press("Tab", "Enter")
        await browser.loaded()
        await browser.picture(tmp_path / "page-phone.png")
        await _fits(browser)
        await browser.sized(900, 720, dark=True)
        await browser.picture(tmp_path / "page-dark.png")
        await browser.sized(900, 720)
        await browser.press("Tab")
        await browser.picture(tmp_path / "page.png")
        await browser.press("Enter")
        begun = await browser.event("Browser.downloadWillBegin")
        await browser.event("Browser.downloadProgress", guid=begun["guid"], state="completed")
        assert begun["suggestedFilename"] == NAME
        assert await browser.value("location.href") == sent.url
        await browser.open(f"{gateway.url}/links/none")
        await browser.picture(tmp_path / "ended.png")
        assert [each["params"]["entry"]["text"] for each in browser.told if each.get("method") == "Log.entryAdded"] == [
            "Failed to load resource: the server responded with a status of 404 (Not Found)"
        ]
        asked = {
            each["params"]["request"]["url"].split("/")[2]
            for each in browser.told
            if each.get("method") == "Network.requestWillBeSent"
        }
    assert (tmp_path / "downloads" / NAME).read_bytes() == CONTENT
    assert asked == {"", gateway.url.removeprefix("http://")}


async def _fits(browser: Browser) -> None:
    """Nothing is wider than the window."""
    assert await browser.value("document.documentElement.scrollWidth <= innerWidth")
