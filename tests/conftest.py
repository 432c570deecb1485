"""What holds for every test."""

import atexit
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from demo import seaweed
from tests.budget import examples
from tests.servers import object_store as object_stores

# Two busy cores may hold any example up: how long one takes, or takes to be made, says nothing.
settings.register_profile(
    "exportd", deadline=None, max_examples=examples(100), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("exportd")


@pytest.fixture(scope="session")
def object_store() -> Iterator[seaweed.ObjectStore]:
    """A real one, with one bucket, for every test that needs it: each has a prefix of its own."""
    with object_stores.running() as store:
        yield store


MAX_ID_CHARACTERS = 1000


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests stay until the end: whoever looks for garbage skips them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


LEFT_OUT = pytest.StashKey[int]()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """xdist does not tell: each process does, at its end."""
    for item in items[:1]:
        item.config.stash[LEFT_OUT] = item.config.stash.get(LEFT_OUT, 0) + len(items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """How many tests were left out stands in the last line, as without xdist."""
    left_out = getattr(node, "workeroutput", {}).get("left_out", 0)
    reporter = node.config.pluginmanager.getplugin("terminalreporter")
    if left_out and reporter:
        reporter.stats["deselected"] = [SimpleNamespace()] * left_out


def pytest_sessionfinish(session: pytest.Session) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, 0)  # type: ignore[attr-defined]
    gc.unfreeze()
    for name in ("tests.servers.databases", "tests.servers.warm_exportctl"):
        if server := sys.modules.get(name):
            server.close()


def pytest_configure() -> None:
    """The last word is pytest's: DuckDB's binding reports at the end of a process which of its functions are left.

    DuckDB has no switch for that. Registered first, it comes last: after it nobody has anything to say.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Processes that share the tests need one order of them, also where parameters come from a set."""
    long = [item.nodeid[:MAX_ID_CHARACTERS] for item in items if len(item.nodeid) > MAX_ID_CHARACTERS]
    if long:  # ids that hold the values themselves have taken all memory, and differed in each process
        raise pytest.UsageError(f"give the parameters names (ids=): {long[0]}…")
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.proof)
    places: dict[str, int] = {}
    for item in items:
        places.setdefault(_function(item), len(places))
    items.sort(key=lambda item: (places[_function(item)], item.nodeid))


def _function(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
