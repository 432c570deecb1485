"""Every client against services with TLS and API keys, as `exportd-api dev-certificates` and `keys` make them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from exportd_client import AccessRefused, Export, ExportClient, Patience, SyncExportClient, Tls, Unreachable
from tests.e2e.clients import npm
from tests.e2e.conftest import PATIENT, House
from tests.e2e.test_trust import ApiCommand, api_command, settings_in  # noqa: F401 - a fixture
from tests.tiers import deep

pytestmark = deep

HASTY = Patience(first_contact=0)
NODE = """
import { readFile } from "node:fs/promises";
import { ExportClient, stateName } from "exportd-client";
const [target, ca, apiKey, path] = process.argv.slice(2);
using client = new ExportClient({ target, apiKey, tls: { ca: await readFile(ca) } });
const done = await client.wait((await client.create({ uri: "/airports", format: "csv" })).id);
await client.download(done, path);
using stranger = new ExportClient({ target, apiKey: "exd_unknown", tls: { ca: await readFile(ca) } });
const refused = await stranger.get(done.id).catch((error) => error);
console.log(stateName(done), refused.code, refused.reason, refused.passing);
"""


@dataclass(frozen=True)
class Secured:
    target: str
    ca: Path
    key: str


@pytest.fixture
def secured(house: House, api_command: ApiCommand, tmp_path: Path) -> Secured:  # noqa: F811 - the fixture
    made = api_command("dev-certificates", str(tmp_path / "tls"))
    assert made.returncode == 0, made.stderr
    house.api(**PATIENT, **settings_in(made.stdout, "exportd-api"))
    key = api_command("keys", "create", "--tenant", "acme").stdout.strip()
    queue = f"localhost:{house.ports[1]}"
    house.worker(EXPORTD_QUEUE_ADDRESS=queue, **settings_in(made.stdout, "exportd-worker"))
    return Secured(f"localhost:{house.ports[0]}", tmp_path / "tls" / "authority.pem", key)


async def test_python(secured: Secured, tmp_path: Path) -> None:
    tls = Tls(ca=secured.ca)
    async with ExportClient(secured.target, tls=tls, api_key=secured.key) as client:
        export = await client.wait((await client.create("/airports", format="csv")).id)
        assert export.state == Export.STATE_COMPLETED
        await client.download(export, tmp_path / "airports.csv")
    assert await asyncio.to_thread(_rows_by_threads, secured, export.id) == export.file.row_count
    async with ExportClient(secured.target, tls=tls, api_key="exd_unknown") as stranger:
        with pytest.raises(AccessRefused) as refused:
            await stranger.get(export.id)
    assert refused.value.reason == "BAD_CREDENTIALS"
    async with ExportClient(secured.target, patience=HASTY) as in_the_clear:
        with pytest.raises(Unreachable):
            await in_the_clear.get(export.id)


def _rows_by_threads(secured: Secured, export_id: str) -> int:
    with SyncExportClient(secured.target, tls=Tls(ca=secured.ca), api_key=lambda: secured.key) as client:
        return client.to_arrow(export_id).num_rows


@deep
def test_node(secured: Secured, tmp_path: Path) -> None:
    node = npm.built()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "exportd-client").symlink_to(npm.PACKAGE)
    (tmp_path / "secured.mts").write_text(NODE)
    arguments = (f"https://{secured.target}", secured.ca, secured.key, tmp_path / "airports.csv")
    ended = npm.run(node, "node", tmp_path / "secured.mts", *map(str, arguments))
    assert (ended.returncode, ended.stdout) == (0, "COMPLETED UNAUTHENTICATED BAD_CREDENTIALS false\n"), ended.stderr
    assert len((tmp_path / "airports.csv").read_text().splitlines()) == 1459
