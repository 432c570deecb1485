"""Secrets that are planted in an api, a worker and a source: no log, command line, environment or message has them."""

import asyncio
import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.processes import ServiceProcess, start_api, start_worker
from exportd_client import Export, ExportClient
from services.api.commands import keys as keys_command
from tests.e2e.conftest import PATIENT
from tests.servers.collector import Collector, collecting

PASSWORD = "planted-password-of-an-export"
SMTP = "planted-password-of-the-mail-server"
SOURCE = "planted-password-of-a-source"
CALLBACK = "whsec_cGxhbnRlZC1jYWxsYmFjay1zZWNyZXQtb2YtMzItYnl0ZXM="
KEY = "planted-mask-key-of-32-bytes-or-more"
COLLECTOR = "planted-key-of-the-collector"
PRIVATE = ("planted-person", "planted-path-of-a-callback", "planted-name-of-a-file", "7654321", "planted-request")
"""What no trace may have although it is no secret: addresses, names, values of filters, ids that callers choose."""

CATALOG = """
[sources.things]
kind = "sql"
[sources.away]
kind = "sql"
[collections.Things]
path = "/things"
source = "things"
table = "things"
key = "id"
formats = ["CSV"]
columns = [{ field = "id" }]
[collections.Away]
path = "/away"
source = "away"
table = "things"
key = "id"
formats = ["CSV"]
columns = [{ field = "id" }]
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "things.sqlite3") as database:
        database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY)")
        database.executemany("INSERT INTO things VALUES (?)", [(number,) for number in range(10)])
    database.close()
    (tmp_path / "catalog.toml").write_text(CATALOG)
    (tmp_path / "sources.toml").write_text(
        f'[sources.things]\nkind = "sql"\nurl = "sqlite:///{tmp_path}/things.sqlite3"\n'
        '[sources.away]\nkind = "sql"\nurl = "postgresql://exportd@127.0.0.1:9/away"\n'
        'password_env = "AWAY_PASSWORD"\n'
    )
    (tmp_path / "tenants.toml").write_text(f'[tenants.default]\ncallback_secrets = ["{CALLBACK}"]\n')
    return tmp_path


def run_keys(environ: dict[str, str], *arguments: str) -> str:
    out = io.StringIO()
    assert keys_command.run(arguments, environ, out, io.StringIO()) == 0
    return out.getvalue().strip()


def processes_of(*roots: ServiceProcess) -> Iterator[tuple[int, int]]:
    """Each process and its children, with the process that it is a child of; 0 for a service itself."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    known = {process.pid: 0 for process in roots}
    while more := {pid: parent for pid, parent in parents.items() if parent in known and pid not in known}:
        known |= more
    yield from known.items()


def of_process(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def settings_of_api(files: Path) -> dict[str, str]:
    """What an api is told that has every secret of notifications."""
    return PATIENT | {
        "EXPORTD_CATALOG": str(files / "catalog.toml"),
        "EXPORTD_DATA_DIR": str(files / "data"),
        "EXPORTD_TENANTS": str(files / "tenants.toml"),
        "EXPORTD_SMTP_HOST": "127.0.0.1",
        "EXPORTD_SMTP_PORT": "9",
        "EXPORTD_SMTP_FROM": "exports@example.com",
        "EXPORTD_SMTP_USER": "exportd",
        "EXPORTD_SMTP_PASSWORD": SMTP,
        "EXPORTD_CALLBACK_ALLOW_HTTP": "yes",
        "EXPORTD_CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
        "EXPORTD_CALLBACK_PORTS": "1-65535",
    }


async def test_no_log_no_trace_no_command_line_and_no_child_has_a_secret(files: Path, collector: Collector) -> None:
    traced = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-collector-key={COLLECTOR}",
    }
    data = files / "data"
    of_api = settings_of_api(files) | traced
    key = await asyncio.to_thread(run_keys, of_api, "create")
    token = await asyncio.to_thread(run_keys, of_api, "create", "--worker")
    api = start_api(files / "catalog.toml", data, "127.0.0.1:0", "127.0.0.1:0", **of_api)
    of_worker = {"EXPORTD_QUEUE_TOKEN": token, "EXPORTD_MASK_KEY": KEY, "EXPORTD_SLOTS": "1"}
    of_worker |= {"AWAY_PASSWORD": SOURCE, **traced}
    worker = start_worker(files / "sources.toml", data, f"127.0.0.1:{api.first_line['queue_port']}", **of_worker)
    planted = {PASSWORD, SMTP, SOURCE, CALLBACK, KEY, COLLECTOR, key, token}
    try:
        async with ExportClient(f"127.0.0.1:{api.first_line['port']}", api_key=key) as client:
            done = await client.create(
                f"/things?id[lt]={PRIVATE[3]}",
                format="csv",
                password=PASSWORD,
                notify_email=f"{PRIVATE[0]}@example.com",
                callback_url=f"http://127.0.0.1:9/{PRIVATE[1]}",
                filename=PRIVATE[2],
                request_id=PRIVATE[4],
            )
            done = await client.wait(done.id)
            assert done.state == Export.STATE_COMPLETED
            await client.download(done.id, files / "downloaded.zip")
            planted.add((await client.links.create(done.id)).token)
            await asyncio.to_thread(
                collector.wait_until, lambda spans: {"attempt", "notify", "download"} <= {s.name for s in spans}
            )
            away = await client.create("/away", format="csv", max_attempts=1)
            away = await client.get(away.id)
            messages = f"{done}\n{away}"
        running = list(processes_of(api, worker))
        assert len(running) > 2, "the worker has children"
        shown = {name: of_process(pid, "cmdline") for pid, parent in running for name in (f"{pid} cmdline",)}
        shown |= {f"{pid} environ": of_process(pid, "environ") for pid, parent in running if parent}
    finally:
        assert worker.terminate() == 0
        assert api.terminate() == 0
    shown |= {log.name: log.read_bytes() for log in (api.log, worker.log)} | {"messages": messages.encode()}
    assert [(where, secret) for where, text in shown.items() for secret in planted if secret.encode() in text] == []
    assert all(text for where, text in shown.items() if where.endswith(".log"))
    sent = b"".join(collector.bodies)
    assert {s.name for s in collector.spans} > {"attempt", "notify", "download"}
    assert [text for text in (*planted, *PRIVATE) if text.encode() in sent] == []
    assert {headers["x-collector-key"] for headers in collector.headers} == {COLLECTOR}
    held = [(f.name, s) for f in data.rglob("exportd.sqlite3*") for s in planted if s.encode() in f.read_bytes()]
    assert held == []
