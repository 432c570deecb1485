"""Draws the plan of a round before it begins, from the seed and the number of the round only."""

import random
from collections.abc import Mapping

from chaos.plan import (
    LOCAL,
    ROUND_S,
    TENANTS,
    CallerAction,
    Fault,
    FaultKind,
    Layout,
    LeaseMisuse,
    MisuseKind,
    PreviewQuestion,
    Round,
    Scenario,
)
from chaos.workload import DRAFTS, FILE_TYPES, PAPERS, ROWS
from exportd_client import PackagingName

_ACTION_WEIGHTS = (6, 4, 1, 2, 2, 2, 3, 3)
_COLLECTION_WEIGHTS = {"Few": 3, "Some": 3, "Many": 3, PAPERS: 4}
_PACKAGINGS: tuple[PackagingName, ...] = ("auto", "auto", "zip", "separate")
_PACKAGINGS_OF_PAPERS: tuple[PackagingName, ...] = ("auto", "zip", "separate", "separate")
_PROXY_KINDS = (FaultKind.CUT, FaultKind.CUT_MID_MESSAGE, FaultKind.FREEZE)


def round_of(seed: int, number: int, layout: Layout = LOCAL) -> Round:
    """Return the plan of round `number` (from 0). In each round at least one process is killed."""
    draw = random.Random(f"{seed}/{number}")
    scenarios = [_scenario(draw) for _ in range(draw.randint(4, 10))]
    previews = [_preview(draw) for _ in range(draw.choice((1, 1, 2, 3)))]
    faults = [_fault(draw, layout, layout.kills)]
    faults += [_fault(draw, layout, layout.others) for _ in range(draw.choice((1, 1, 2, 3)))]
    misuses = [_misuse(draw)] if draw.random() < 0.8 else []  # noqa: PLR2004 - four of five rounds
    return Round(
        number,
        tuple(sorted(scenarios, key=lambda scenario: scenario.at)),
        tuple(sorted(previews, key=lambda preview: preview.at)),
        tuple(sorted(faults, key=lambda fault: fault.at)),
        tuple(misuses),
    )


def _scenario(draw: random.Random) -> Scenario:
    action = draw.choices(tuple(CallerAction), _ACTION_WEIGHTS)[0]
    collection = DRAFTS if action is CallerAction.RETRY else _collection(draw)
    packaging = draw.choice(_PACKAGINGS_OF_PAPERS if collection == PAPERS else _PACKAGINGS)
    return Scenario(
        at=_at(draw),
        tenant=draw.choice(TENANTS),
        collection=collection,
        format=draw.choice(("csv", "jsonl", "json", "xlsx", "parquet")),
        packaging=packaging,
        file_types=draw.choice(_choices_of_file_types(collection)),
        password=packaging != "separate" and draw.random() < 0.2,  # noqa: PLR2004 - one in five
        max_attempts=draw.choice((10, 10, 10, 2, 1)),
        priority=draw.choice((0, 0, 0, 5, 9)),
        callers=draw.choice((1, 1, 1, 1, 5, 20)),
        action=action,
        after_s=round(draw.uniform(0, 1.5), 3),
        lookup=draw.random() < 0.2,  # noqa: PLR2004 - one in five
        callback=draw.random() < 0.5,  # noqa: PLR2004 - every other one
        mail=draw.random() < 0.5,  # noqa: PLR2004 - every other one
        draw=draw.getrandbits(32),
    )


def _collection(draw: random.Random) -> str:
    return draw.choices(tuple(_COLLECTION_WEIGHTS), tuple(_COLLECTION_WEIGHTS.values()))[0]


def _choices_of_file_types(collection: str) -> tuple[tuple[str, ...], ...]:
    """Return the choices, of which most have all types."""
    if collection != PAPERS:
        return ((),)
    return ((), FILE_TYPES, FILE_TYPES, *((file_type,) for file_type in FILE_TYPES))


def _preview(draw: random.Random) -> PreviewQuestion:
    collection = _collection(draw)
    return PreviewQuestion(
        at=_at(draw),
        tenant=draw.choice(TENANTS),
        collection=collection,
        first=draw.randrange(ROWS[collection]),
        rows=draw.choice((1, 20, 100)),
        descending=draw.random() < 0.5,  # noqa: PLR2004 - every other one
    )


def _fault(draw: random.Random, layout: Layout, kinds: Mapping[FaultKind, int]) -> Fault:
    kind = draw.choices(tuple(kinds), tuple(kinds.values()))[0]
    at, draw_more = _at(draw), draw.getrandbits(32)
    which = draw.randrange(layout.proxies if kind in _PROXY_KINDS else layout.workers)
    return Fault(at, kind, which, round(_seconds(draw, kind), 3), draw_more)


def _seconds(draw: random.Random, kind: FaultKind) -> float:
    match kind:
        case FaultKind.STOP_WORKER | FaultKind.STOP_CHILD:
            return draw.choice((0.3, 1.0, 5.0)) * draw.uniform(0.8, 1.2)  # the last one is longer than two leases
        case FaultKind.STOP_API:
            return draw.choice((0.3, 1.0, 2.5)) * draw.uniform(0.8, 1.2)
        case FaultKind.FREEZE:
            return draw.choice((0.3, 3.0)) * draw.uniform(0.8, 1.2)
        case FaultKind.FULL_FILES | FaultKind.FULL_DATABASE:
            return draw.uniform(0.5, 2.0)
        case _:
            return draw.uniform(0, 0.5)


def _misuse(draw: random.Random) -> LeaseMisuse:
    at, kind = _at(draw), draw.choice(tuple(MisuseKind))
    return LeaseMisuse(at, kind, round(draw.choice((0.5, 3.0, 6.0)) * draw.uniform(0.8, 1.2), 3))


def _at(draw: random.Random) -> float:
    return round(draw.uniform(0, ROUND_S), 3)
