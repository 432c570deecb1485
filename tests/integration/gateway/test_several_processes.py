"""EXPORTD_GATEWAY_PROCESSES: one parent, several processes on the same port, which stop with it however it ends."""

import http.client
import json
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from demo.ports import consecutive_ports, free_port
from tests.integration.gateway.test_program import PROGRAM, environ
from tests.integration.programs.conftest import Running, ended, path_of, started, until
from tests.integration.programs.test_several_processes import children, gone
from tests.tiers import deep

COUNT = 2


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def settings(port: int) -> dict[str, str]:
    return {"EXPORTD_GATEWAY_PROCESSES": str(COUNT), "EXPORTD_GATEWAY_LISTEN": f"127.0.0.1:{port}"}


@pytest.fixture
def gateways(tmp_path: Path, settings: dict[str, str]) -> Iterator[Running]:
    log = tmp_path / "log"
    with log.open("w") as file, started([path_of(PROGRAM)], environ(**settings), stderr=file) as process:
        running = Running(process, log)
        running.until_said('"serving"', COUNT)
        yield running


def asked(port: int, path: str = "/healthz") -> None:
    """One request over a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as caller:
        caller.request("GET", path)
        assert json.load(caller.getresponse()) == {"status": "SERVING"}


def answered_by(running: Running) -> set[int]:
    """The numbers of the processes that have logged a request."""
    lines = [json.loads(line) for line in running.log.read_text().splitlines()]
    return {line["process"] for line in lines if line["event"] == "request"}


def test_every_process_answers_on_the_one_port(gateways: Running, port: int) -> None:
    assert len(children(gateways)) == COUNT

    def all_have_answered() -> bool:
        asked(port)  # the system gives each connection to any of them
        return answered_by(gateways) == {*range(COUNT)}

    until(all_have_answered)


@deep
def test_they_end_with_their_parent_and_nobody_is_cut_off(gateways: Running, port: int) -> None:
    family = children(gateways)
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as caller:
        caller.putrequest("POST", "/v1/exports")
        caller.putheader("Content-Type", "application/json")
        caller.putheader("Content-Length", "2")
        caller.endheaders()  # it is under way: its body is awaited
        caller.send(b"{")
        gateways.process.send_signal(signal.SIGTERM)
        gateways.until_said('"draining"', COUNT)
        caller.send(b"}")
        assert caller.getresponse().status == http.HTTPStatus.SERVICE_UNAVAILABLE  # there is no api
    assert gateways.ends() == 0
    assert gone(family)
    assert gateways.log.read_text().count('"stopped"') == COUNT


@deep
def test_they_stop_when_their_parent_is_killed(gateways: Running) -> None:
    family = children(gateways)
    gateways.process.kill()
    until(lambda: gone(family))


def test_one_that_is_killed_is_started_again_while_the_others_serve(gateways: Running, port: int) -> None:
    first, *others = children(gateways)
    first.kill()
    gateways.until_said('"process_ended"')  # a zombie may still have its sockets, until all of its threads have ended
    asked(port)
    gateways.until_said('"serving"', COUNT + 1)
    assert {each.pid for each in others} < {each.pid for each in children(gateways)}
    assert len(children(gateways)) == COUNT


@deep
def test_hangup_ends_none_of_them(gateways: Running, port: int) -> None:
    gateways.process.send_signal(signal.SIGHUP)
    asked(port)
    assert all(psutil.pid_exists(each.pid) for each in children(gateways))
    assert len(children(gateways)) == COUNT


@deep
def test_each_shows_its_metrics_on_a_port_of_its_own(tmp_path: Path, settings: dict[str, str]) -> None:
    (metrics, *_), log = consecutive_ports(COUNT), tmp_path / "log"
    more = settings | {"EXPORTD_GATEWAY_METRICS": f"127.0.0.1:{metrics}"}
    with log.open("w") as file, started([path_of(PROGRAM)], environ(**more), stderr=file) as process:
        Running(process, log).until_said('"serving"', COUNT)
        for index in range(COUNT):
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics + index}/metrics") as shown:
                assert "exportd_gateway_connections" in shown.read().decode()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"EXPORTD_GATEWAY_LISTEN": "127.0.0.1:0"}, "EXPORTD_GATEWAY_LISTEN is '127.0.0.1:0': processes that share"),
        ({"EXPORTD_GATEWAY_METRICS": "127.0.0.1:65535"}, "EXPORTD_GATEWAY_METRICS is '127.0.0.1:65535': each process"),
        ({"EXPORTD_GATEWAY_PROCESSES": "65"}, "EXPORTD_GATEWAY_PROCESSES is '65': it must be a number from 1 to 64"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(settings: dict[str, str], more: dict[str, str], told: str) -> None:
    refused = ended(PROGRAM, environ=environ(**settings | more))
    assert refused.returncode == 2
    assert told in refused.stderr


@deep
def test_a_port_that_another_has_is_told_once_and_ends_all(gateways: Running, settings: dict[str, str]) -> None:
    refused = ended(PROGRAM, environ=environ(**settings))
    assert refused.returncode == 2
    assert refused.stderr.count("EXPORTD_GATEWAY_LISTEN") == 1
