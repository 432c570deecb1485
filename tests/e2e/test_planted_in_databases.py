"""Planted secrets again, with a gateway and a link: no byte of a database, of its logs or of a callback has them."""

import asyncio
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from demo.ports import free_port
from demo.postgres import PostgresServer
from demo.processes import ServiceProcess, start_api, start_gateway, start_worker
from exportd_client import Export, ExportClient
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.migrate import migrate
from tests.e2e.test_planted_secrets import (
    CALLBACK,
    KEY,
    PASSWORD,
    SMTP,
    SOURCE,
    files,
    of_process,
    processes_of,
    run_keys,
    settings_of_api,
)
from tests.patience import PATIENCE_S
from tests.servers.webhook import Receiver, webhook_receiver
from tests.tiers import deep, deep_but

pytestmark = deep

__all__ = ["files"]
LABEL = "planted-label-that-is-no-secret"
"""What the search must find: else it would not find a secret either."""

TOKENS = re.compile(rb"ex[dwl]_[0-9A-Za-z]{56}|ext_[0-9A-Za-z]{10}[0-9a-f]{74}")
"""Keys, tokens of workers and of links, tickets: also the token of a mail, which nobody was shown."""


@dataclass(frozen=True)
class Kept:
    """A store that has ended: the settings that name it, and all bytes that it keeps."""

    settings: Mapping[str, str]
    held: Callable[[], dict[str, bytes]]


@contextmanager
def sqlite(folder: Path) -> Iterator[Kept]:
    """The files of SQLite: the database, and its write-ahead log."""
    yield Kept({}, lambda: contents(folder / "data", "exportd.sqlite3*"))


EVERYTHING = """
log_statement = 'all'
log_duration = on
log_min_messages = debug1
log_error_verbosity = verbose
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
"""
"""What a PostgreSQL logs at most of what it is told."""


@contextmanager
def postgres(folder: Path) -> Iterator[Kept]:
    """A server of its own: its data directory with the write-ahead log, and its log, which has each parameter."""
    with tempfile.TemporaryDirectory(prefix="exportd-pg-") as directory:
        Path(directory).chmod(0o755)  # as root the server runs as a user of its own
        port = free_port()
        server = PostgresServer(Path(directory), port, folder / "postgres.log")
        with (server.data / "postgresql.conf").open("a") as settings:
            settings.write(EVERYTHING)
        running = server.begin().wait_started()
        (folder / "key").write_bytes(bytes(range(32)))
        (folder / "key").chmod(0o600)

        def held() -> dict[str, bytes]:
            running.terminate()
            return contents(server.data, "*") | contents(folder, "postgres.log")

        try:
            migrate(Address(server.url()))
            yield Kept({"EXPORTD_DATABASE": server.url(), "EXPORTD_SECRET_KEY_FILE": str(folder / "key")}, held)
        finally:
            running.kill()


def contents(folder: Path, pattern: str) -> dict[str, bytes]:
    """The bytes of each file below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob(pattern) if file.is_file()}


STORES = {"sqlite": sqlite, "postgres": postgres}


@pytest.fixture(params=deep_but(STORES, "sqlite"))
def kept(request: pytest.FixtureRequest, files: Path) -> Iterator[Kept]:
    with STORES[request.param](files) as opened:
        yield opened


async def test_no_log_no_command_line_no_child_and_no_database_has_a_secret(files: Path, kept: Kept) -> None:
    async with webhook_receiver() as receiver:
        planted, shown = await asyncio.shield(lived(files, kept, receiver))
    assert [(where, each) for where, text in shown.items() for each in planted if each.encode() in text] == []
    assert all(text for where, text in shown.items() if where.endswith(".log"))
    held = kept.held()
    assert [(where, each) for where, text in held.items() for each in planted if each.encode() in text] == []
    assert [where for where, text in (shown | held).items() if TOKENS.search(text)] == []
    found = [where for where, text in held.items() if LABEL.encode() in text]
    assert found, "the search finds what is there"
    if "postgres.log" in held:
        assert any(where.startswith("pg_wal/") for where in found)
        assert "postgres.log" in found


async def lived(files: Path, kept: Kept, receiver: Receiver) -> tuple[set[str], dict[str, bytes]]:
    """Have the services do all that secrets are for, and end them.

    Return the secrets, and what could show them: logs, command lines, environments of children, answers, callbacks.
    """
    data = files / "data"
    of_api = settings_of_api(files) | {
        "EXPORTD_PUBLIC_URL": "https://exports.example.com",
        **kept.settings,
    }
    key = await asyncio.to_thread(run_keys, of_api, "create")
    token = await asyncio.to_thread(run_keys, of_api, "create", "--worker")
    planted = {PASSWORD, SMTP, SOURCE, CALLBACK, KEY, key, token}
    with ExitStack() as ended:

        def begun(process: ServiceProcess) -> ServiceProcess:
            ended.callback(process.terminate)
            return process

        api = begun(start_api(files / "catalog.toml", data, "127.0.0.1:0", "127.0.0.1:0", **of_api))
        target = f"127.0.0.1:{api.first_line['port']}"
        of_worker = {"EXPORTD_QUEUE_TOKEN": token, "EXPORTD_MASK_KEY": KEY, "EXPORTD_SLOTS": "1"}
        of_worker |= {"AWAY_PASSWORD": SOURCE}
        queue = f"127.0.0.1:{api.first_line['queue_port']}"
        worker = begun(start_worker(files / "sources.toml", data, queue, **of_worker))
        gateway = begun(start_gateway(target, data, "127.0.0.1:0"))
        async with ExportClient(target, api_key=key) as client:
            done = await client.create(
                "/things",
                format="csv",
                password=PASSWORD,
                labels={"what": LABEL},
                notify_email="a@example.com",
                callback_url=receiver.url(),
            )
            done = await client.wait(done.id)
            assert done.state == Export.STATE_COMPLETED
            away = await client.create("/away", format="csv", max_attempts=1)
            away = await client.get(away.id)
            link = await client.links.create(done.id)
        answers, ticket = await followed(f"http://127.0.0.1:{gateway.first_line['port']}", key, done.id, link.token)
        planted |= {link.token, ticket}
        async with asyncio.timeout(PATIENCE_S):
            while not receiver.requests:
                await asyncio.sleep(0.05)  # until the callback arrives
        shown = {"messages": f"{done}\n{away}\n{answers}".encode()}
        shown |= {f"callback {at}": each.body for at, each in enumerate(receiver.requests)}
        running = list(processes_of(api, worker, gateway))
        assert len(running) > 3, "the worker has children"
        shown |= {f"{pid} cmdline": of_process(pid, "cmdline") for pid, _ in running}
        shown |= {f"{pid} environ": of_process(pid, "environ") for pid, parent in running if parent}
    shown |= {log.name: log.read_bytes() for log in (api.log, worker.log, gateway.log)}
    return planted, shown


async def followed(url: str, key: str, export_id: str, token: str) -> tuple[str, str]:
    """Ask the gateway for an export with the key, follow a link with and without mistakes, and download its file.

    Return the answers, and the ticket.
    """
    answers = []
    async with aiohttp.ClientSession(url) as session:
        for path, headers in (
            (f"/v1/exports/{export_id}", {"x-api-key": key}),
            (f"/v1/exports/{export_id}", {"authorization": f"Bearer {key}"}),
            (f"/v1/exports/{export_id}?key={key}", {"x-api-key": key[:-1]}),
            (f"/links/{token}/no/such/page", {}),
        ):
            async with session.get(path, headers=headers) as answer:
                answers.append(await answer.text())
        async with session.post(f"/links/{token}", allow_redirects=False) as used:
            assert used.status == 303
            place = used.headers["location"]
        ticket = re.search(r"ext_[0-9A-Za-z]+", place)
        assert ticket is not None
        async with session.get(f"/links/{ticket[0]}/content") as file:
            assert file.status == 200
            await file.read()
    return "\n".join(answers), ticket[0]
