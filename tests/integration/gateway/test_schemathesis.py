"""schemathesis against a real gateway and api on real files: requests made from the documents, answers held to them."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from services.api.domain.keys import Holder, Scope
from services.api.notify.settings import NotifySettings
from services.api.secrets.keys import KeyDigests
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings
from services.api.storage.datadir import key_file, secret_key
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from services.gateway.descriptions.documents import DOORS
from services.gateway.upstream.methods import METHODS
from services.runtime.settings import SettingsReader
from tests.budget import PROOF
from tests.integration.api.conftest import Api, Worker
from tests.integration.gateway.conftest import Gateway
from tests.tiers import deep

pytestmark = deep

CONFIG = Path(__file__).with_name("schemathesis.toml")
SEED = 47
EXAMPLES = 200 if PROOF else 1
PHASES = "examples,coverage,fuzzing,stateful" if PROOF else "fuzzing"
CALLED = {
    "native": {name for name in METHODS if "Link" not in name}
    - {"GetDownloadUrl", "RetryExport", "RedeliverNotification", "DrainWorker"},
    "syntage": {"CreateExport", "GetExport", "GetFile", "DownloadFile"},
    "xdent": {"CreateExport", "GetExport", "CancelExport", "ListExports", "DownloadFile"},
}
"""For each door: methods that answer with OK at least once.

A folder signs no URLs. What has failed is soon deleted, and the worker is forgotten. There is no setting for links.
"""


@dataclass(frozen=True)
class Texts:
    """API keys that may do everything: one for all tenants, and one for keys of a tenant of its own."""

    all_tenants: str
    of_keys: str


@pytest.fixture
async def keys(api: Api, settings: ApiSettings) -> Texts:
    secret = secret_key(key_file(settings.data_dir, settings.secret_key_file), make=False)
    made = Keys(api.parts.store.keys, KeyDigests(ServerKeys.of(secret)), World().clock)
    every = frozenset(Scope)
    _, first = await made.create(NewKey(Holder.CALLER, "acme", scopes=every, all_tenants=True))
    _, second = await made.create(NewKey(Holder.CALLER, "keys", scopes=every))
    return Texts(first, second)


@pytest.fixture
async def previews(api: Api, worker: Worker) -> AsyncIterator[None]:
    """A worker that answers previews."""

    async def answer() -> None:
        while True:
            taking = queue_pb2.TakePreviewRequest(worker_id=worker.id, wait=Duration(seconds=10))
            asked = (await api.jobs.TakePreview(taking)).preview
            if asked.id:
                rows = queue_pb2.FinishPreviewRequest(preview_id=asked.id, rows=['{"id": "1"}'], rows_total=1)
                with suppress(grpc.aio.AioRpcError):
                    await api.jobs.FinishPreview(rows)

    answering = asyncio.create_task(answer())
    yield
    answering.cancel()


CATALOG = """
[sources.shop]
kind = "sql"
[collections.Airports]
path = "/airports"
source = "shop"
table = "airports"
key = "id"
formats = ["CSV", "JSON", "XLSX"]
columns = [{ field = "id" }]
[collections.Flights]
path = "/flights"
source = "shop"
table = "flights"
key = "id"
formats = ["CSV", "JSON", "XLSX", "JSONL", "PARQUET"]
columns = [{ field = "id" }, { field = "carrier" }]
"""
URIS = ["/airports", "/flights", "/flights?carrier=UA", "/flights?colour=red", "/none"]
TYPES = ["Airports", "Flights", "None"]


@pytest.fixture
def settings(settings: ApiSettings, tmp_path: Path) -> ApiSettings:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    mail = {"EXPORTD_SMTP_HOST": "127.0.0.1", "EXPORTD_SMTP_PORT": "1", "EXPORTD_SMTP_FROM": "exports@company.com"}
    return replace(settings, reflection=False, notify=NotifySettings.read(SettingsReader(mail)))


@pytest.fixture
async def things(gateway: Gateway, api: Api, worker: Worker, keys: Texts) -> dict[str, list[str]]:
    """Ids of exports in every state, of their files, of a worker, of keys."""
    gateway.session.headers["X-Api-Key"] = keys.all_tenants
    ids, files = list[str](), list[str]()
    for packed in (True, False) * 6:
        export = await gateway.create(uri="/airports", packaging="PACKAGING_ZIP" if packed else "PACKAGING_AUTO")
        (job,) = await worker.lease()
        await worker.heartbeat(job)
        kind = {"media_type": "application/zip", "extension": "zip"} if packed else {}
        await worker.complete(job, worker.file(job, b"0123456789", "e.zip" if packed else "e.csv", **kind))
        done = await gateway.json("GET", f"/v1/exports/{export['id']}")
        ids.append(done["id"])
        files.append(done["file"]["id"])
    for retryable in (True, False) * 2:
        export = await gateway.create(uri="/airports", notifyEmail="integration@company.com", maxAttempts=1)
        (job,) = await worker.lease()
        await worker.heartbeat(job)
        await worker.fail(job, retryable=retryable)
        ids.append(export["id"])
    deliveries = [await gateway.json("GET", f"/v1/exports/{id_}/deliveries") for id_ in ids[-4:]]
    ids += [(await gateway.create(uri="/flights"))["id"] for _ in range(12)]
    made = [await gateway.json("POST", "/v1/keys", json={}, headers={"X-Api-Key": keys.of_keys}) for _ in range(20)]
    return {
        "exports": ids,
        "files": files,
        "ids": ids + files,
        "uris": URIS,
        "types": TYPES,
        "workers": [worker.id],
        "deliveries": [each["id"] for page in deliveries for each in page["deliveries"]],
        "keys": [each["key"]["id"] for each in made],
    }


@pytest.fixture
def config(things: dict[str, list[str]], tmp_path: Path) -> Path:
    """The configuration, with the things that are there."""
    dictionaries = [f"[dictionaries.{name}]\nvalues = {json.dumps(values)}\n" for name, values in things.items()]
    path = tmp_path / "schemathesis.toml"
    path.write_text("\n".join([CONFIG.read_text(encoding="utf-8"), *dictionaries]))
    return path


def answered(api: Api) -> Counter[str]:
    """How often each method has answered a call with OK."""
    found = (each for metric in api.parts.metrics.registry.collect() for each in metric.samples)
    return Counter(
        {
            each.labels["method"]: int(each.value)
            for each in found
            if each.name == "exportd_calls_total" and each.labels["code"] == "OK"
        }
    )


@pytest.mark.proof
@pytest.mark.parametrize("door", DOORS if PROOF else DOORS[:1])
@pytest.mark.usefixtures("previews")
async def test_nothing_is_found(gateway: Gateway, api: Api, keys: Texts, config: Path, door: str) -> None:
    before = answered(api)
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        f"--config-file={config}",
        "run",
        f"{gateway.url}/openapi/{door}.json",
        "--checks=all",
        f"--phases={PHASES}",
        f"--max-examples={EXAMPLES}",
        f"--seed={SEED}",
        "--generation-deterministic",
        "--continue-on-failure",
        "--warnings=off",
        "--no-color",
        cwd=config.parent,
        env=os.environ
        | {"COLUMNS": "160", "EXPORTD_TEST_KEY": keys.all_tenants, "EXPORTD_TEST_KEY_OF_KEYS": keys.of_keys},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    if PROOF:  # what was refused throughout was not tried
        assert CALLED[door] <= set(answered(api) - before)
