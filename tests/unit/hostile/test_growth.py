"""Nothing that reads what others wrote takes more than its share: four times the text, four times the work."""

import time
from contextlib import suppress
from dataclasses import replace
from itertools import product

import grpc
import pytest

from exportd_client.errors import InvalidArgument
from services.api.catalog.columns import ColumnChoice, choose
from services.api.catalog.resolve import resolve
from services.api.catalog.violations import Violations
from services.api.domain.filter_mode import FilterMode
from services.gateway.http.bodies import document_of
from services.runtime import nearest as near
from tests.tiers import deep_but
from tests.unit.hostile.parsers import ENDS, SOUND, Parser, parsers, pumps_of, starts_of, wide_catalog
from tests.unit.hostile.work import lines

pytestmark = pytest.mark.slow

PARSERS = parsers()

LONG_READ = ("glob", "name of an attachment")
"""Of the longest texts, which takes seconds."""

READ_AS_A_QUERY = ("query, lenient", "uri", "uri, lenient")
"""Other doors to what reads a query."""

SHORT, TIMES = 500, 4
"""Characters, and how much more of them: not beyond what a URI may have, so that no bound hides what grows."""

FEW_PUMPS = 60
"""Repeats of a pump in the short text: the square of 4 times as many is far above SLACK, with a line for each pair."""

SLACK = 2000
"""Lines: what a few wrong names cost, which are looked up among hundreds of known ones."""


def text(start: str, pump: str, end: str, size: int) -> str:
    return start + pump * (size // len(pump)) + end


@pytest.mark.parametrize("name", [name for name in PARSERS if SOUND.get(name, "a") is not None])
def test_every_parser_reads(name: str) -> None:
    """Else what follows would measure nothing: there every exception is taken for a refusal."""
    assert not isinstance(PARSERS[name](SOUND.get(name, "a")), grpc.Status)


@pytest.mark.parametrize("name", deep_but(PARSERS, *(name for name in PARSERS if name not in READ_AS_A_QUERY)))
def test_the_lines_that_run_grow_as_the_text_does(name: str) -> None:
    assert [
        parts for parts in product(starts_of(name), pumps_of(name), ENDS) if grows_faster(PARSERS[name], *parts)
    ] == []


@pytest.mark.parametrize("pump", ["=", "a=1&", "customer.address.line.text=1&"])
def test_lines_that_run_for_each_pair_of_parts_are_found(pump: str) -> None:
    def pairs(text: str) -> None:
        for _ in product(text.split(pump), repeat=2):
            pass

    assert grows_faster(pairs, "", pump, "")


def grows_faster(parser: Parser, start: str, pump: str, end: str) -> bool:
    size = min(SHORT, FEW_PUMPS * len(pump))
    short, long = text(start, pump, end, size), text(start, pump, end, TIMES * size)
    bound = 1.5 * TIMES * lines(parser, short, most=1_000_000) + SLACK
    return lines(parser, long, most=round(bound) + 1) > bound


# ---- what no line of Python shows: copies, comparisons and numbers made in C

MANY, MORE = 15_000, 8
"""Characters, and how much more of them: about twice what one message to the api may hold."""

STEEPEST = 24
"""The square of 8 is 64. Times are those of the thread, the best of three, and a machine that is busy doubles them."""

HARMLESS_S = 0.05
"""Nothing that is read in so little time hurts, however it grew."""


@pytest.mark.parametrize("name", deep_but(PARSERS, *(name for name in PARSERS if name not in LONG_READ)))
def test_nothing_else_grows_faster_either(name: str) -> None:
    for parts in product(starts_of(name), pumps_of(name), ENDS):
        long = text(*parts, MANY * MORE)
        if seconds(PARSERS[name], long, tries=1) > HARMLESS_S:
            assert seconds(PARSERS[name], long) <= STEEPEST * seconds(PARSERS[name], text(*parts, MANY)), parts


def seconds(parser: Parser, of: str, tries: int = 3) -> float:
    return min(_once(parser, of) for _ in range(tries))


def _once(parser: Parser, of: str) -> float:
    start = time.thread_time()
    with suppress(Exception):  # whether it is refused is no matter here
        parser(of)
    return time.thread_time() - start


def test_the_names_of_a_body_are_compared_each_with_few() -> None:
    """One name is there twice, at the end of many that differ."""
    few, many = (body_of(count) for count in (MANY // 10, MANY // 10 * MORE))
    with pytest.raises(InvalidArgument, match="is there twice"):
        document_of(many.encode())
    if seconds(lambda text: document_of(text.encode()), many, tries=1) > HARMLESS_S:
        longest = STEEPEST * seconds(lambda text: document_of(text.encode()), few)
        assert seconds(lambda text: document_of(text.encode()), many) <= longest


def body_of(count: int) -> str:
    return "{" + ",".join(f'"{n}":0' for n in [*range(count), count - 1]) + "}"


# ---- many parts, none of them long

FEW, MANY_MORE = 100, 4


@pytest.mark.parametrize("header", ["", "h"])
def test_columns_are_chosen_in_work_that_grows_as_they_do(header: str) -> None:
    few, many = (chosen(FEW * times, header) for times in (1, MANY_MORE))
    assert few > FEW
    assert many <= 1.5 * MANY_MORE * few


def chosen(count: int, header: str) -> int:
    collection = wide_catalog().collections[0]
    columns = tuple(replace(collection.columns[0], field=f"c{n}", name=f"c{n}") for n in range(count))
    wide = replace(collection, columns=columns)
    choices = [ColumnChoice(f"c{n}", header and f"{header}{n}") for n in range(count)]
    return lines(lambda _: choose(wide, choices, Violations()), "", most=10_000_000)


def test_a_wrong_name_is_compared_with_the_few_that_are_most_like_it() -> None:
    known = [f"total.line{n}" for n in range(1000)]
    assert near.nearest("total.lin7", known) == "total.line7"
    assert len(near.likely("total.lin7", known)) == near.MAX_CANDIDATES
    assert near.likely("x" * (near.MAX_COMPARED_CHARACTERS + 1), known) == []


def test_few_of_many_wrong_names_are_compared_with_the_known_ones() -> None:
    """Of one query: comparing takes its time, and a query has room for more than a thousand names."""
    one = of_lenient(1)
    assert of_lenient(80) <= 25 * one


def of_lenient(count: int) -> int:
    names = "&".join(f"customer.address.linex{n}.texx=1" for n in range(count))
    asked = {"type_": "Wide", "query": f"entityId=1&{names}", "mode": FilterMode.LENIENT}
    base = lines(lambda _: resolve(wide_catalog(), **asked | {"query": "entityId=1"}), "", most=10_000_000)  # type: ignore[arg-type]
    return lines(lambda _: resolve(wide_catalog(), **asked), "", most=10_000_000) - base  # type: ignore[arg-type]
