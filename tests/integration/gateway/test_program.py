"""exportd-gateway as a process: its start, its commands, its end."""

import http.client
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from demo.ports import free_port
from tests.integration.programs.conftest import Running, ended, path_of, started, until
from tests.integration.programs.test_early_signals import takes
from tests.tiers import deep, deep_but

PROGRAM = "exportd-gateway"


def environ(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EXPORTD_")}
    own = {
        "EXPORTD_GATEWAY_LISTEN": "127.0.0.1:0",
        "EXPORTD_GATEWAY_METRICS": "off",
        "EXPORTD_TARGET": "127.0.0.1:1",
        "EXPORTD_LOG_FORMAT": "json",
    }
    return kept | own | settings


@contextmanager
def up(folder: Path, **settings: str) -> Iterator[tuple[Running, int]]:
    """A gateway that serves, and its port."""
    log = folder / "log"
    with log.open("w") as file, started([path_of(PROGRAM)], environ(**settings), stderr=file) as process:
        running = Running(process, log)
        running.until_said('"serving"')
        found = re.search(r'"port": (\d+)', log.read_text())
        assert found
        yield running, int(found[1])


@pytest.mark.parametrize("number", deep_but([signal.SIGTERM, signal.SIGINT], signal.SIGTERM))
def test_it_serves_until_a_signal_and_logs_no_query(tmp_path: Path, number: signal.Signals) -> None:
    with up(tmp_path) as (running, port):
        with closing(http.client.HTTPConnection("127.0.0.1", port)) as caller:
            caller.request("GET", "/healthz?secret=hunter2")
            assert json.load(caller.getresponse()) == {"status": "SERVING"}
        running.until_said('"request"')
        running.process.send_signal(signal.SIGHUP)
        running.process.send_signal(number)
        assert running.ends() == 0
        assert "hunter2" not in running.log.read_text()


def test_what_was_sent_before_the_signal_is_answered_even_if_nobody_had_read_it(tmp_path: Path) -> None:
    with up(tmp_path) as (running, port):
        running.process.send_signal(signal.SIGSTOP)  # the system takes connections and bytes on its behalf
        with ExitStack() as stack:
            callers = [stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port))) for _ in range(20)]
            for caller in callers:
                caller.request("POST", "/v1/exports", b"{}", {"Content-Type": "application/json"})
            running.process.send_signal(signal.SIGTERM)
            running.process.send_signal(signal.SIGCONT)
            answers = {caller.getresponse().status for caller in callers}
        assert answers == {http.HTTPStatus.SERVICE_UNAVAILABLE}  # there is no api
        assert running.ends() == 0


def test_its_health_is_that_of_the_way_to_the_api(tmp_path: Path) -> None:
    settings = {"EXPORTD_GATEWAY_METRICS": f"127.0.0.1:{free_port()}"}
    assert ended(PROGRAM, "health", environ=environ(**settings)).stdout == "UNAVAILABLE\n"
    with up(tmp_path, **settings):
        asked = ended(PROGRAM, "health", environ=environ(**settings))
        assert (asked.returncode, asked.stdout) == (1, "NOT_READY\n")


def test_help_and_version_need_no_setting() -> None:
    shown = ended(PROGRAM, "--help", environ={})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "EXPORTD_GATEWAY_LISTEN" in shown.stdout
    assert ended(PROGRAM, "--version", environ={}).stdout.startswith(f"{PROGRAM} ")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"EXPORTD_GATEWAY_LISTEN": "192.0.2.1:80"}, "EXPORTD_GATEWAY_TLS_CERTIFICATE"),
        ({"EXPORTD_GATEWAY_LISTEN": "192.0.2.1:80", "EXPORTD_TLS_OFF_BEHIND_PROXY": "yes"}, "cannot listen on"),
        ({"EXPORTD_TLS_AUTHORITY": "/none.pem"}, "EXPORTD_TLS_AUTHORITY"),
        ({"EXPORTD_GATEWAY_MAX_CONNECTIONS": "many"}, "EXPORTD_GATEWAY_MAX_CONNECTIONS"),
    ],
)
def test_it_does_not_start_with_a_mistake_and_names_the_setting(settings: dict[str, str], named: str) -> None:
    refused = ended(PROGRAM, environ=environ(**settings))
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert named in refused.stderr


@deep
def test_a_stop_before_it_serves_ends_it_cleanly() -> None:
    with started([path_of(PROGRAM)], environ(), stderr=subprocess.PIPE) as process:
        until(lambda: takes(process.pid, signal.SIGTERM))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
