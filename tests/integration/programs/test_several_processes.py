"""EXPORTD_API_PROCESSES: one parent, several processes on the same ports, which stop with it however it ends."""

import json
import re
import signal
import urllib.request
from collections.abc import Iterator, Mapping

import psutil
import pytest

from demo.ports import consecutive_ports
from exportd_client import Export, ExportClient
from tests.integration.programs.conftest import Place, Running, ended, until, up
from tests.integration.programs.test_lost_log import free_addresses, the_end_of
from tests.servers.stores import new_store
from tests.servers.warm import WarmProgram
from tests.tiers import deep

COUNT = 2


@pytest.fixture
def settings(place: Place) -> dict[str, str]:
    (place.folder / "key").write_bytes(b"k" * 32)
    listen, queue = free_addresses(2)
    return {
        "EXPORTD_DATABASE": new_store(),
        "EXPORTD_SECRET_KEY_FILE": str(place.folder / "key"),
        "EXPORTD_LISTEN": listen,
        "EXPORTD_QUEUE_LISTEN": queue,
        "EXPORTD_QUEUE_ADDRESS": queue,
        "EXPORTD_API_PROCESSES": str(COUNT),
    }


@pytest.fixture
def api(place: Place, settings: dict[str, str]) -> Iterator[Running]:
    with up("exportd-api", place, **settings) as api:
        api.until_said('"serving"', COUNT)
        yield api


def children(api: Running) -> list[psutil.Process]:
    return psutil.Process(api.process.pid).children()


def gone(processes: list[psutil.Process]) -> bool:
    return not [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


async def test_they_serve_the_same_ports_show_metrics_on_their_own_and_a_worker_builds_what_any_takes(
    place: Place, settings: dict[str, str]
) -> None:
    port, *_ = consecutive_ports(COUNT)
    with up("exportd-api", place, **settings | {"EXPORTD_API_METRICS": f"127.0.0.1:{port}"}) as api:
        api.until_said('"serving"', COUNT)
        lines = [json.loads(line) for line in api.log.read_text().splitlines()]
        assert sorted(line["process"] for line in lines if line["event"] == "serving") == [*range(COUNT)]
        assert len(children(api)) == COUNT
        for index in range(COUNT):
            with urllib.request.urlopen(f"http://127.0.0.1:{port + index}/metrics") as shown:
                assert re.search(r"^exportd_hints_connected [01]\.0$", shown.read().decode(), re.MULTILINE)
        await jobs_are_built(place, settings)


async def jobs_are_built(place: Place, settings: dict[str, str]) -> None:
    with up("exportd-worker", place, **settings):
        for _ in range(4):  # each over a connection of its own, which the system gives to any of them
            async with ExportClient(settings["EXPORTD_LISTEN"]) as client:
                assert (await the_end_of(client, "/orders")).state == Export.STATE_COMPLETED


@deep
def test_one_that_is_killed_is_started_again_and_all_read_their_files_again_and_stop_with_the_parent(
    api: Running,
) -> None:
    (first, *_), log = children(api), api.log
    first.kill()
    api.until_said('"serving"', COUNT + 1)
    assert '"process_ended"' in log.read_text()
    family = children(api)
    assert len(family) == COUNT
    api.process.send_signal(signal.SIGHUP)
    api.until_said('"catalog_reloaded"', COUNT)
    api.process.send_signal(signal.SIGTERM)
    assert api.ends() == 0
    assert gone(family)
    assert api.log.read_text().count('"stopped"') == COUNT


@deep
def test_they_stop_when_the_parent_is_killed(api: Running) -> None:
    family = children(api)
    api.process.kill()
    until(lambda: gone(family))
    assert api.log.read_text().count('"stopped"') == COUNT


@deep
def test_a_second_signal_stops_them_at_once(place: Place, settings: dict[str, str]) -> None:
    with up("exportd-api", place, **settings) as api:
        api.until_said('"serving"', COUNT)
        family = children(api)
        for _ in range(2):
            api.process.send_signal(signal.SIGINT)
        assert api.ends() == 0
        assert gone(family)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"EXPORTD_DATABASE": ""}, "EXPORTD_API_PROCESSES is 2: more than one process needs PostgreSQL"),
        ({"EXPORTD_LISTEN": "127.0.0.1:0"}, "EXPORTD_LISTEN is '127.0.0.1:0': processes that share a port need"),
        ({"EXPORTD_API_METRICS": "127.0.0.1:65535"}, "EXPORTD_API_METRICS is '127.0.0.1:65535': each process takes"),
        ({"EXPORTD_API_PROCESSES": "0"}, "EXPORTD_API_PROCESSES is '0': it must be a number from 1 to 64"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(
    place: Place, settings: dict[str, str], warm_programs: Mapping[str, WarmProgram], more, told
) -> None:
    refused = warm_programs["exportd-api"].run(env=place.environ(**settings | more))
    assert refused.returncode == 2
    assert told in refused.stderr


@deep
def test_what_keeps_the_first_from_starting_is_told_once_and_ends_all(place: Place, settings: dict[str, str]) -> None:
    refused = ended(
        "exportd-api", environ=place.environ(**settings | {"EXPORTD_DATABASE": "postgresql://x@/y?host=/z"})
    )
    assert refused.returncode == 2
    assert refused.stderr.count("EXPORTD_DATABASE") == 1
