"""An api and a worker as processes: started, heard, stopped cleanly or killed."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


class DidNotStart(Exception):
    """A process ended, or said nothing, before it served; its log says why."""


Begin = Callable[[str, Mapping[str, str]], "subprocess.Popen[str]"]
"""Begins a program of that name in that environment, its stderr in a pipe."""


def installed(program: str, environ: Mapping[str, str]) -> "subprocess.Popen[str]":
    """That of the environment of this Python."""
    command = [Path(sys.executable).with_name(program)]
    return subprocess.Popen(command, env=dict(environ), stderr=subprocess.PIPE, text=True)


class ServiceProcess:
    """One process of exportd; its log goes to a file, and the first line with the event `started` is `first_line`."""

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
        """Of the process."""
        return self._process.pid

    def wait_started(self, timeout_s: float = START_TIMEOUT_S) -> Self:
        """Wait until it serves. Raises DidNotStart."""
        if not self._news.wait(timeout_s) or not self.first_line:
            self.kill()
            raise DidNotStart(f"{self._program} did not start; its log:\n{self._said()[-2000:]}")
        return self

    def terminate(self) -> int:
        """SIGTERM, and patience; returns the exit status."""
        self._process.terminate()
        try:
            status = self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            status = self.kill()
        self._copying.join(STOP_TIMEOUT_S)
        return status

    def wait_ended(self, timeout_s: float = START_TIMEOUT_S) -> int:
        """Wait until it ends by itself; returns the exit status. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout_s)

    def kill(self) -> int:
        """SIGKILL; returns the exit status."""
        self._process.kill()
        return self._process.wait()

    def _said(self) -> str:
        """What this process wrote to its log; others may have written there before."""
        with self.log.open() as log:
            log.seek(self._begin)
            return log.read()

    def _copy(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was asked for
        with self.log.open("a") as log, self._process.stderr as lines:
            for line in lines:
                log.write(line)
                log.flush()
                if not self.first_line and self._started in line:
                    self.first_line = _fields(line)
                    self._news.set()
        self._news.set()


def _fields(line: str) -> dict[str, Any]:
    """Of a line of a log in either form, JSON or that for people, with or without colours."""
    if line.startswith("{"):
        fields: dict[str, Any] = json.loads(line)
        return fields
    pairs = re.findall(r"(\w+)=(\S+)", re.sub(r"\x1b\[[0-9;]*m", "", line))
    return {name: int(value) if value.isdigit() else value for name, value in pairs}


def start_api(
    catalog: Path, data_dir: Path, listen: str, queue_listen: str, *, begin: Begin = installed, **more: str
) -> ServiceProcess:
    """An api, serving; port 0 takes a free one, `first_line` has `port` and `queue_port`. Raises DidNotStart."""
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
    """A worker of the api at `queue`, with warm slots. Raises DidNotStart."""
    settings = {
        "EXPORTD_SOURCES": str(sources),
        "EXPORTD_DATA_DIR": str(data_dir),
        "EXPORTD_QUEUE_ADDRESS": queue,
        "EXPORTD_WORKER_METRICS": "off",
    }
    return ServiceProcess(
        "exportd-worker", settings | more, data_dir / "worker.log", "worker_ready", begin
    ).wait_started()


@dataclass(frozen=True, slots=True)
class Services:
    """Both running; `target` is where callers reach the api."""

    target: str
    api: ServiceProcess
    worker: ServiceProcess


@contextmanager
def running(sample: Path, data_dir: Path, listen: str, queue_listen: str, **more: str) -> Iterator[Services]:
    """Both services on `sample` with their state in `data_dir` and `more` settings, stopped at the end.

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
