"""Runs an api and a worker as processes: starts them, reads their logs, stops them cleanly or kills them."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


class DidNotStart(Exception):
    """A process ended or timed out before it served. Its log says why."""


Begin = Callable[[str, Mapping[str, str]], "subprocess.Popen[str]"]
"""Starts the program with this name in this environment, with its stderr in a pipe."""


def installed(program: str, environ: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Start the program that is installed beside this Python."""
    command = [Path(sys.executable).with_name(program)]
    return subprocess.Popen(command, env=dict(environ), stderr=subprocess.PIPE, text=True)


class ServiceProcess:
    """A process of exportd. Its log goes to a file, and `first_line` is the first log line with the event `started`."""

    def __init__(
        self, program: str, settings: Mapping[str, str], log: Path, started: str, begin: Begin = installed
    ) -> None:
        self.log = log
        self.first_line: dict[str, Any] = {}
        self._program, self._started = program, started
        self._begin = log.stat().st_size if log.exists() else 0
        self._news = threading.Event()
        self._process = begin(program, {**os.environ, "EXPORTD_LOG_FORMAT": "json", **settings})
        self._copying = threading.Thread(target=self._copy, daemon=True)
        self._copying.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it exists."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait_started(self, timeout_s: float = START_TIMEOUT_S) -> Self:
        """Wait until the process serves. Raises DidNotStart."""
        if not self._news.wait(timeout_s) or not self.first_line:
            self.kill()
            raise DidNotStart(f"{self._program} did not start; its log:\n{self._said()[-2000:]}")
        return self

    def terminate(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit status."""
        self._process.terminate()
        try:
            status = self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            status = self.kill()
        self._copying.join(STOP_TIMEOUT_S)
        return status

    def wait_ended(self, timeout_s: float = START_TIMEOUT_S) -> int:
        """Wait until the process ends by itself, and return the exit status. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout_s)

    def kill(self) -> int:
        """Send SIGKILL and return the exit status."""
        self._process.kill()
        return self._process.wait()

    def _said(self) -> str:
        """Return what this process wrote to its log, to which earlier ones may have written, too."""
        with self.log.open() as log:
            log.seek(self._begin)
            return log.read()

    def _copy(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was requested
        with self.log.open("a") as log, self._process.stderr as lines:
            for line in lines:
                log.write(line)
                log.flush()
                if not self.first_line and self._started in line:
                    self.first_line = _fields(line)
                    self._news.set()
        self._news.set()


def _fields(line: str) -> dict[str, Any]:
    """Return the fields of a log line, which is JSON or human-readable, with or without colours."""
    if line.startswith("{"):
        fields: dict[str, Any] = json.loads(line)
        return fields
    pairs = re.findall(r"(\w+)=(\S+)", re.sub(r"\x1b\[[0-9;]*m", "", line))
    return {name: int(value) if value.isdigit() else value for name, value in pairs}


def start_api(
    catalog: Path, data_dir: Path, listen: str, queue_listen: str, *, begin: Begin = installed, **more: str
) -> ServiceProcess:
    """Start an api and wait until it serves. Raises DidNotStart.

    Port 0 means a free port; `first_line` has `port` and `queue_port`.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    settings = {
        "EXPORTD_CATALOG": str(catalog),
        "EXPORTD_DATA_DIR": str(data_dir),
        "EXPORTD_LISTEN": listen,
        "EXPORTD_QUEUE_LISTEN": queue_listen,
        "EXPORTD_API_METRICS": "off",
    }
    return ServiceProcess("exportd-api", settings | more, data_dir / "api.log", "serving", begin).wait_started()


def start_worker(sources: Path, data_dir: Path, queue: str, *, begin: Begin = installed, **more: str) -> ServiceProcess:
    """Start a worker of the api at `queue` and wait until its slots are ready. Raises DidNotStart."""
    settings = {
        "EXPORTD_SOURCES": str(sources),
        "EXPORTD_DATA_DIR": str(data_dir),
        "EXPORTD_QUEUE_ADDRESS": queue,
        "EXPORTD_WORKER_METRICS": "off",
    }
    return ServiceProcess(
        "exportd-worker", settings | more, data_dir / "worker.log", "worker_ready", begin
    ).wait_started()


def start_gateway(target: str, data_dir: Path, listen: str, *, begin: Begin = installed, **more: str) -> ServiceProcess:
    """Start a gateway before the api at `target` and wait until it serves. Raises DidNotStart."""
    settings = {"EXPORTD_TARGET": target, "EXPORTD_GATEWAY_LISTEN": listen, "EXPORTD_GATEWAY_METRICS": "off"}
    log = data_dir / "gateway.log"
    return ServiceProcess("exportd-gateway", settings | more, log, "serving", begin).wait_started()


@dataclass(frozen=True, slots=True)
class Services:
    """Both running services. `target` is the address of the api for callers."""

    target: str
    api: ServiceProcess
    worker: ServiceProcess


@contextmanager
def running(sample: Path, data_dir: Path, listen: str, queue_listen: str, **more: str) -> Iterator[Services]:
    """Run both services on `sample`, with their state in `data_dir` and with `more` settings.

    They stop with the context.

    Raises DidNotStart.
    """
    api = start_api(sample / "catalog.toml", data_dir, listen, queue_listen, begin=installed, **more)
    try:
        queue = f"127.0.0.1:{api.first_line['queue_port']}"
        worker = start_worker(sample / "sources.toml", data_dir, queue, begin=installed, **more)
        try:
            yield Services(f"127.0.0.1:{api.first_line['port']}", api, worker)
        finally:
            worker.terminate()
    finally:
        api.terminate()
