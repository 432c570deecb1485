"""Measures the api's calls per second, compared with a bare server of the same library that does no work.

Both have the same caller and are measured in turns. Exports stay QUEUED, since there is no worker.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import report, servers, stores
from bench.caller import TENANT
from bench.checks import WrongOutput
from bench.peer import NotMeasured
from bench.report import Result, compared
from bench.servers import Called, Server
from bench.workload import folder
from exportd.v1.export_pb2 import FORMAT_CSV, Export
from exportd.v1.export_service_pb2 import CreateExportRequest, GetExportRequest
from exportd_client import ExportClient

_TURNS, _TURN_S = 3, 2.5
_ASKED_FOR = 500
"""How many exports GetExport reads. They are from random places in the queue."""
_GOAL = report.at_least(0.5)


def calls() -> Iterator[Result]:
    """Measure CreateExport and GetExport, by elapsed time and by processor time."""
    directory = folder() / "calls"
    try:
        with servers.api(directory) as api:
            export = asyncio.run(_created(api.target))
            with servers.echo(export.SerializeToString()) as echo:
                yield from _created_vs_echo(_Pair(api, echo), directory)
                yield from _got_vs_echo(_Pair(api, echo), _some(_queued(directory)))
    except NotMeasured as problem:
        for name in ("create_vs_echo", "get_vs_echo"):
            yield report.not_measured(name, "calls/s", _GOAL, str(problem))


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two servers to which the same calls are made."""

    api: Server
    echo: Server

    def in_turns(self, method: str, ids: Sequence[str] = ()) -> list[tuple[Called, Called]]:
        """Return the results of the api and of the peer, for each turn."""
        return [(self.api.called(method, _TURN_S, ids), self.echo.called(method, _TURN_S, ids)) for _ in range(_TURNS)]

    def by_h2load(self, method: str, request: bytes) -> str:
        """Return the results of h2load as text; empty if it is not installed."""
        found = [server.called_by_h2load(method, request) for server in (self.api, self.echo)]
        return f"; h2load: {found[0]:,.0f} and {found[1]:,.0f}" if found[0] and found[1] else ""


def _created_vs_echo(pair: _Pair, directory: Path) -> list[Result]:
    turns = pair.in_turns("CreateExport")
    answered = {id_ for own, _ in turns for id_ in own.ids}
    if missing := answered - set(_queued(directory)):
        raise WrongOutput(f"{len(missing)} of {len(answered)} exports were acknowledged and are not there")
    request = CreateExportRequest(uri="/few", format=FORMAT_CSV)
    return _results("create_vs_echo", turns, pair.by_h2load("CreateExport", request.SerializeToString()))


def _got_vs_echo(pair: _Pair, ids: Sequence[str]) -> list[Result]:
    turns = pair.in_turns("GetExport", ids)
    if other := {id_ for own, _ in turns for id_ in own.ids} - {*ids}:
        raise WrongOutput(f"answers show {len(other)} exports that were not asked for")
    request = GetExportRequest(export_id=ids[0])
    return _results("get_vs_echo", turns, pair.by_h2load("GetExport", request.SerializeToString()))


def _results(name: str, turns: Sequence[tuple[Called, Called]], beside: str) -> list[Result]:
    """Return the results of the fastest turn of each side, and of the turn with the least processor time."""
    ours, echo = (max(side, key=lambda called: called.calls_per_s) for side in zip(*turns, strict=True))
    own_ms, echo_ms = (min(called.processor_ms for called in side) for side in zip(*turns, strict=True))
    p50, p99 = ours.waits_ms
    peer = f"a bare grpc.aio server; ours: p50 {p50:.1f} ms, p99 {p99:.1f} ms{beside}"
    costs = f"the same; a call takes {own_ms:.2f} and {echo_ms:.2f} ms of the server's processor"
    return [
        compared(name, "calls/s", ours.calls_per_s, echo.calls_per_s, peer, None, _GOAL),
        compared(f"{name}_processor", "calls/processor s", 1000 / own_ms, 1000 / echo_ms, costs, None, _GOAL),
    ]


async def _created(target: str) -> Export:
    async with ExportClient(target, TENANT) as client:
        return await client.create("/few", format="csv")


def _queued(directory: Path) -> list[str]:
    """Return the ids of the queued exports in the database, oldest first."""
    return [*stores.current().queued(directory / "data", TENANT)]


def _some(ids: Sequence[str]) -> list[str]:
    return random.Random(7).sample(ids, min(_ASKED_FOR, len(ids)))
