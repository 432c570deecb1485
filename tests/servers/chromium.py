"""Debian's Chromium without a window, steered by its DevTools protocol: one page, which nothing outside helps."""

import asyncio
import base64
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.patience import PATIENCE_S

PROGRAM = shutil.which("chromium") or ""
MISSING = "this machine has no chromium"

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-port=0",
)


@dataclass
class Browser:
    """A page. `told` are the events that the browser has sent."""

    socket: aiohttp.ClientWebSocketResponse
    session_id: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    _last: int = 0

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self.session_id:
            message["sessionId"] = self.session_id
        await self.socket.send_json(message)
        while (answer := await self._received()).get("id") != self._last:
            self.told.append(answer)
        assert "error" not in answer, answer
        return dict(answer["result"])

    async def event(self, method: str, **expected: Any) -> dict[str, Any]:
        """The parameters of the next event of this name with these values."""
        while True:
            for place, each in enumerate(self.told):
                if each.get("method") == method and expected.items() <= each["params"].items():
                    return dict(self.told.pop(place)["params"])
            self.told.append(await self._received())

    async def _received(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            return dict(await self.socket.receive_json())

    async def open(self, url: str) -> None:
        """Go to an address, and wait until its page is there."""
        await self.ask("Page.navigate", url=url)
        await self.loaded()

    async def loaded(self) -> None:
        """Wait until the page to which a press leads is there."""
        await self.event("Page.loadEventFired")

    async def press(self, *keys: str) -> None:
        """Press keys of the keyboard."""
        for key in keys:
            codes = {"Tab": 9, "Enter": 13}
            of = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key], "text": "\r" if key == "Enter" else ""}
            await self.ask("Input.dispatchKeyEvent", type="keyDown", **of)
            await self.ask("Input.dispatchKeyEvent", type="keyUp", **of)

    async def sized(self, width: int, height: int, *, dark: bool = False) -> None:
        """Take the size of a window, and the colours that its user prefers."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.ask("Emulation.setEmulatedMedia", features=[feature])

    async def picture(self, file: Path) -> None:
        """Write what the page looks like."""
        shot = await self.ask("Page.captureScreenshot", captureBeyondViewport=False)
        file.write_bytes(base64.b64decode(shot["data"]))

    async def value(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Browser]:
    """A browser whose profile and downloads are in the folder. Its pages run no scripts."""
    profile, downloads = folder / "profile", folder / "downloads"
    downloads.mkdir()
    words = [PROGRAM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    short = tempfile.TemporaryDirectory(prefix="exd")  # it puts a socket there, whose path has 108 bytes at most
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": short.name, "LANG": "C.UTF-8"}
    process = await asyncio.create_subprocess_exec(*words, env=environ, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        async with aiohttp.ClientSession() as session:
            address = await _address(process.stderr)
            reading = asyncio.create_task(process.stderr.read())  # else it would stop at a full pipe
            async with session.ws_connect(address, max_msg_size=0) as socket:
                yield await _page(Browser(socket), downloads)
            reading.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        short.cleanup()


async def _address(said: asyncio.StreamReader) -> str:
    lines = []
    async with asyncio.timeout(PATIENCE_S):
        while True:
            lines.append(line := (await said.readline()).decode())
            assert line, f"chromium ended: {lines}"
            if line.startswith("DevTools listening on "):
                return line.split()[-1]


async def _page(browser: Browser, downloads: Path) -> Browser:
    (target,) = [
        each["targetId"] for each in (await browser.ask("Target.getTargets"))["targetInfos"] if each["type"] == "page"
    ]
    await browser.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads), eventsEnabled=True)
    attached = await browser.ask("Target.attachToTarget", targetId=target, flatten=True)
    browser.session_id = attached["sessionId"]
    for domain in ("Page", "Network", "Log"):
        await browser.ask(f"{domain}.enable")
    await browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    return browser
