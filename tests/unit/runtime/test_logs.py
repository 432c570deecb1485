"""What a line of the log takes of what it is given."""

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog

from services.runtime import logs

LONG = "x" * 1_000_000


@dataclass
class Log:
    """What is written from `begin` on, within a test: pytest takes stderr over again for each of its phases."""

    style: str
    capsys: pytest.CaptureFixture[str]

    def begin(self) -> "Log":
        logs.configure("api", self.style)
        return self

    def lines(self) -> list[str]:
        return self.capsys.readouterr().err.splitlines()


@pytest.fixture(params=["json", "human"])
def log(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[Log]:
    handlers = [*logging.getLogger().handlers]
    yield Log(request.param, capsys)
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


GIVEN = {
    "text": LONG,
    "list": [LONG] * 1000,
    "object": {f"{n}{LONG}": LONG for n in range(200)},
    "deep": {"a": [{"b": [LONG, {"c": LONG}]}]},
    "another": ValueError(LONG),
    "bytes": LONG.encode(),
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_value_is_cut(log: Log, name: str) -> None:
    log.begin()
    logs.get().info("told", value=GIVEN[name], other="kept")
    (line,) = log.lines()
    assert len(line) < 2 * logs.MAX_LINE_CHARACTERS
    assert "kept" in line


def fields_of(line: str) -> dict[str, object]:
    fields: dict[str, object] = json.loads(line)
    del fields["timestamp"]
    return fields


SHORT = {"escapes": "é\u2028\x1b[2J", "float": 1.5, "none": None, "text": "short", "object": {1: 2}, "list": [1, "x"]}


@pytest.mark.parametrize("name", [*GIVEN, *SHORT])
def test_the_short_way_writes_what_the_long_one_does(capsys: pytest.CaptureFixture[str], name: str) -> None:
    log, value = Log("json", capsys).begin(), {**GIVEN, **SHORT}[name]
    logs.begin(bound=value)
    logs.info("told", value=value, other="kept")
    logs.get().info("told", value=value, other="kept")
    logs.begin()
    short, long = log.lines()
    structlog.reset_defaults()
    assert fields_of(short) == fields_of(long)
    assert short.isascii()
    assert len(short) < 2 * logs.MAX_LINE_CHARACTERS


@pytest.mark.parametrize("processors", [[], [logs.with_bound]])
def test_lines_are_captured_as_any_other(processors: list[structlog.typing.Processor]) -> None:
    logs.configure("api", "json")
    with structlog.testing.capture_logs(processors) as lines:
        logs.info("told", value=1)
    structlog.reset_defaults()
    assert lines == [{"event": "told", "log_level": "info", "value": 1}]


def test_a_traceback_is_cut(log: Log) -> None:
    log.begin()
    try:
        try:
            raise ValueError(LONG)  # noqa: TRY301
        except ValueError as cause:
            raise RuntimeError("\n".join([LONG] * 5)) from cause
    except RuntimeError:
        logs.get().exception("failed")
    assert sum(map(len, log.lines())) < 3 * logs.MAX_LINE_CHARACTERS


def test_what_is_bound_is_cut_too(log: Log) -> None:
    log.begin()
    logs.begin(worker_id=LONG)
    logs.get().info("told")
    logs.begin()
    assert all(len(line) < 2 * logs.MAX_VALUE_CHARACTERS for line in log.lines())


def test_nothing_moves_the_cursor_of_a_terminal(log: Log) -> None:
    log.begin()
    logs.get().info("told", value="\x1b[2J\rtold level=error \u202e")
    (line,) = log.lines()
    assert "\x1b[2J" not in line
    assert "\r" not in line


def test_what_is_short_is_not_changed(log: Log) -> None:
    log.begin()
    logs.get().info("told", text="Ñandú", number=7, flag=True, items=["a", 1, None])
    (line,) = log.lines()
    if log.style == "json":
        told = json.loads(line)
        assert (told["text"], told["number"], told["flag"], told["items"]) == ("Ñandú", 7, True, ["a", 1, None])
    else:
        assert "Ñandú" in line


def test_a_line_of_a_library_is_one_of_ours(log: Log) -> None:
    log.begin()
    try:
        raise ValueError("Original Line: 4111 1111 1111 1111")  # noqa: TRY301
    except ValueError:
        logging.getLogger("grpc").exception("it failed\nand more %s", LONG)
    (line,) = log.lines()
    assert "it failed" in line
    assert "4111" not in line
    assert len(line) < 2 * logs.MAX_VALUE_CHARACTERS
    if log.style == "json":
        assert json.loads(line)["logger"] == "grpc"


async def test_so_is_what_asyncio_says_of_a_task_that_nobody_awaited(log: Log) -> None:
    log.begin()
    asyncio.get_running_loop().call_exception_handler({"message": "odd", "exception": ValueError("4111")})
    (line,) = log.lines()
    assert "odd" in line
    assert "4111" not in line


def test_configuring_twice_writes_each_line_once(log: Log) -> None:
    log.begin()
    log.begin()
    logging.getLogger("grpc").warning("once")
    assert len(log.lines()) == 1
