"""Both programs when nobody can read their log: answers, jobs and the end are as ever, and the lines are counted."""

import os
import re
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

import grpc
import pytest

from demo.ports import free_ports
from exportd_client import Export, ExportClient
from tests.integration.programs.conftest import Place, dying, path_of, started
from tests.patience import PATIENCE_S
from tests.servers.new_database import put_new_database
from tests.servers.warm import Forked, WarmProgram
from tests.tiers import deep_but


@contextmanager
def reader_that_ended() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@contextmanager
def reader_that_is_stuck() -> Iterator[int]:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


@contextmanager
def pipe_that_never_waits() -> Iterator[int]:
    with reader_that_is_stuck() as writer:
        os.set_blocking(writer, False)
        yield writer


@contextmanager
def disk_that_is_full() -> Iterator[int]:
    full = os.open("/dev/full", os.O_WRONLY)
    yield full
    os.close(full)


@contextmanager
def socket_whose_peer_ended() -> Iterator[int]:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        yield ours.fileno()


@contextmanager
def nothing_at_all() -> Iterator[int]:
    """stderr is closed."""
    yield -1


LOGS = [
    reader_that_ended, reader_that_is_stuck, pipe_that_never_waits, disk_that_is_full, socket_whose_peer_ended,
    nothing_at_all,
]  # fmt: skip


@dataclass(frozen=True)
class Both:
    """An api and a worker of it, and where they are."""

    api: Popen[str] | Forked
    worker: Popen[str] | Forked
    target: str
    api_metrics: str
    worker_metrics: str


def free_addresses(count: int) -> list[str]:
    return [f"127.0.0.1:{port}" for port in free_ports(count)]


def begun(program: str, environ: Mapping[str, str], stderr: int, forked_from: WarmProgram) -> Any:
    """With stderr closed there is nothing to hand to the process."""
    if stderr >= 0:
        return dying(forked_from.begin(env=environ, stderr=stderr))
    return started(["sh", "-c", 'exec "$0" 2>&-', str(path_of(program))], environ)


@contextmanager
def both(place: Place, stderr: int, programs: Mapping[str, WarmProgram]) -> Iterator[Both]:
    put_new_database(place.database)
    listen, queue, api_metrics, worker_metrics = free_addresses(4)
    environ = place.environ(
        EXPORTD_LISTEN=listen,
        EXPORTD_QUEUE_LISTEN=queue,
        EXPORTD_QUEUE_ADDRESS=queue,
        EXPORTD_API_METRICS=api_metrics,
        EXPORTD_WORKER_METRICS=worker_metrics,
    )
    with (
        begun("exportd-api", environ, stderr, programs["exportd-api"]) as api,
        begun("exportd-worker", environ, stderr, programs["exportd-worker"]) as worker,
    ):
        yield Both(api, worker, listen, api_metrics, worker_metrics)


def lost_lines(metrics: str) -> float:
    with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=PATIENCE_S) as answer:
        (value,) = re.findall(r"^exportd_log_lines_lost_total (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(value)


async def the_end_of(client: ExportClient, uri: str) -> Export:
    created = await client.create(uri, format="csv", max_attempts=1)
    return [export async for export in client.watch(created.id)][-1]


@pytest.mark.parametrize("log", deep_but(LOGS, *LOGS[:2]))
async def test_answers_jobs_and_the_end_are_as_ever(
    log: Callable[[], Iterator[int]], place: Place, warm_services: Mapping[str, WarmProgram]
) -> None:
    with log() as stderr, both(place, stderr, warm_services) as programs:
        async with grpc.aio.insecure_channel(programs.target) as channel:
            await channel.channel_ready()
        async with ExportClient(programs.target) as client:
            assert (await the_end_of(client, "/orders")).state == Export.STATE_COMPLETED
            failed = await the_end_of(client, "/missing")
            assert [error.code for error in failed.result.errors] == ["RELATION_MISSING"]
        if stderr >= 0:  # what is led to nowhere is not lost
            assert lost_lines(programs.api_metrics) > 0
            assert lost_lines(programs.worker_metrics) > 0
        for program in (programs.worker, programs.api):
            program.send_signal(signal.SIGTERM)
            assert program.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("program", ["exportd-api", "exportd-worker"])
def test_a_start_that_fails_without_a_reader_has_the_same_exit_code(program: str, place: Place) -> None:
    with (
        reader_that_ended() as stderr,
        started([path_of(program)], place.environ(EXPORTD_SLOTS="0", EXPORTD_LISTEN="x"), stderr=stderr) as refused,
    ):
        assert refused.wait(PATIENCE_S) == 2
