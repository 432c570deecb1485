"""The lines of docs/http.md and docs/from-other-products.md do what they say."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from services.api.settings import ApiSettings
from tests.docs import pages
from tests.integration.api.conftest import Worker
from tests.integration.gateway.conftest import Gateway
from tests.patience import PATIENCE_S
from tests.tiers import deep_but

PAGES = ("docs/http.md", "docs/from-other-products.md")
ADDRESS = "http://127.0.0.1:8080"
LINES = list(dict.fromkeys(line for page in PAGES for line in pages.commands(page) if line.startswith("curl ")))
CATALOG = """
[sources.shop]
kind = "sql"
[collections.Airports]
path = "/airports"
source = "shop"
table = "airports"
key = "id"
formats = ["CSV", "JSON"]
columns = [{ field = "id" }]
"""


@pytest.fixture
def settings(settings: ApiSettings, tmp_path: Path) -> ApiSettings:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    return replace(settings, reflection=False)


def test_the_page_shows_every_door() -> None:
    assert all(
        any(f"{ADDRESS}{door}" in line for line in LINES) for door in ("/v1/", "/exports", "/files/", "/api/v1/")
    )


@pytest.mark.skipif(not shutil.which("curl"), reason="this machine has no curl")
@pytest.mark.parametrize("line", deep_but(LINES, *LINES[::4]))
async def test_a_line_works_as_it_is_written(gateway: Gateway, worker: Worker, tmp_path: Path, line: str) -> None:
    ids = await exports(gateway, worker)
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        line.replace(ADDRESS, gateway.url),
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", **ids},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert out or any(path.suffix in (".csv", ".zip") for path in tmp_path.iterdir())


async def exports(gateway: Gateway, worker: Worker) -> dict[str, str]:
    """The ids that the page speaks of: one that is done, its file, one that is a ZIP, one that waits."""
    done = await gateway.create(uri="/airports")
    await worker.build(b"id\r\n0123456789\r\n")
    packed = await gateway.json("POST", "/api/v1/ExportRequest/Airports")
    (job,) = await worker.lease()
    await worker.heartbeat(job)
    await worker.complete(job, worker.file(job, b"PK", "e.zip", media_type="application/zip", extension="zip"))
    waiting = await gateway.create(uri="/airports")
    file = (await gateway.json("GET", f"/v1/exports/{done['id']}"))["file"]
    link = await gateway.json("POST", "/v1/links", json={"exportId": done["id"], "maxUses": 1})
    return {
        "TOKEN": link["token"],
        "ID": done["id"],
        "FILE": file["id"],
        "ZIP": packed["idExportJob"],
        "OTHER": waiting["id"],
    }
