"""SIGHUP: both programs read their files again, refuse broken ones in the log, and never end by it."""

import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing

import psutil
import pytest

from exportd_client import Export, ExportClient
from tests.integration.programs.conftest import PROGRAMS, Place, Running, up
from tests.integration.programs.test_lost_log import free_addresses, the_end_of
from tests.servers.warm import WarmProgram
from tests.tiers import deep, deep_but

BROKEN = "[[["
TENANTS = "[tenants.acme]\nmax_running = 3\n"
DOUBLED = TENANTS + "[tenants.zeta]\nweight = 2.0\n"


Warm = Mapping[str, WarmProgram]


@pytest.fixture
def warm(warm_services: Warm) -> Warm:
    return warm_services


def hang_up(running: Running, answer: str, times: int = 1) -> None:
    running.process.send_signal(signal.SIGHUP)
    running.until_said(f'"{answer}"', times)


def test_the_api_reads_its_catalog_and_its_tenants_again_and_keeps_what_is_sound(place: Place, warm: Warm) -> None:
    tenants = place.folder / "tenants.toml"
    tenants.write_text(TENANTS)
    with up("exportd-api", place, warm["exportd-api"], EXPORTD_TENANTS=str(tenants)) as api:
        tenants.write_text(DOUBLED)
        hang_up(api, "tenants_reloaded")
        assert '"tenants": 2' in api.log.read_text()
        tenants.write_text(BROKEN)
        hang_up(api, "tenants_refused")
        assert api.log.read_text().count('"catalog_reloaded"') >= 2  # one broken file does not delay the others
        (place.folder / "catalog.toml").write_text(BROKEN)
        hang_up(api, "catalog_refused")
        tenants.unlink()
        hang_up(api, "tenants_refused", times=3)
        api.process.send_signal(signal.SIGTERM)
        assert api.ends() == 0


async def test_the_worker_reads_its_sources_again_and_keeps_what_is_sound(place: Place, warm: Warm) -> None:
    listen, queue = free_addresses(2)
    sources = place.folder / "sources.toml"
    settings = {"EXPORTD_LISTEN": listen, "EXPORTD_QUEUE_LISTEN": queue, "EXPORTD_QUEUE_ADDRESS": queue}
    other = place.folder / "other.sqlite3"
    with closing(sqlite3.connect(other)) as database, database:
        database.execute("create table orders (id integer primary key)")
        database.executemany("insert into orders values (?)", [(n,) for n in range(7)])
    with (
        up("exportd-api", place, warm["exportd-api"], **settings),
        up("exportd-worker", place, warm["exportd-worker"], **settings) as worker,
    ):
        async with ExportClient(listen) as client:
            assert (await the_end_of(client, "/orders")).result.rows_written == 3
            sources.write_text(BROKEN)
            hang_up(worker, "sources_refused")
            assert (await the_end_of(client, "/orders")).result.rows_written == 3
            sources.write_text('[sources.shop]\nkind = "sql"\nurl = "sqlite:///other.sqlite3"\n')
            hang_up(worker, "sources_reloaded")
            export = await the_end_of(client, "/orders")
            assert (export.state, export.result.rows_written) == (Export.STATE_COMPLETED, 7)


@deep
def test_a_secret_of_the_environment_is_there_after_a_reload_too(place: Place) -> None:
    """It was taken out of the environment, where children would see it."""
    (place.folder / "sources.toml").write_text(
        '[sources.shop]\nkind = "sql"\nurl = "postgresql://user@127.0.0.1:1/shop"\npassword_env = "SHOP"\n'
    )
    with up("exportd-worker", place, SHOP="hunter2") as worker:
        hang_up(worker, "sources_reloaded")
        assert "hunter2" not in worker.log.read_text()


@pytest.mark.parametrize("program", deep_but(PROGRAMS, "exportd-worker"))
def test_the_documented_command_reaches_the_program_and_nothing_else(program: str, place: Place) -> None:
    """`pkill -HUP -x exportd-api`: by the name of the process, which none of its children has."""
    if not shutil.which("pgrep"):
        pytest.skip("this machine has no pgrep")
    with up(program, place) as running:
        found = subprocess.run(["pgrep", "-x", program], capture_output=True, text=True, check=False).stdout.split()
        own = [pid for pid in map(int, found) if pid == running.process.pid or parent_of(pid) == running.process.pid]
        assert own == [running.process.pid]


def parent_of(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return 0
