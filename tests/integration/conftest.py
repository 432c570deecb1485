"""What tests of several folders start."""

from collections.abc import Iterator, Mapping

import pytest

from services.worker.child.entry import MODULES
from tests.servers.warm import WarmProgram


@pytest.fixture(scope="session")
def warm_programs() -> Iterator[Mapping[str, WarmProgram]]:
    """By name, forked for each start."""
    programs = {
        f"exportd-{name}": WarmProgram(f"services.{name}", [f"services.{name}.app"]) for name in ("api", "worker")
    }
    yield programs
    for program in programs.values():
        program.close()


@pytest.fixture(scope="session")
def warm_services(warm_programs: Mapping[str, WarmProgram]) -> Iterator[Mapping[str, WarmProgram]]:
    """Those that are to run for a while: a worker's children have their modules, too."""
    worker = WarmProgram("services.worker", ["services.worker.app", *MODULES], forks_children=True)
    yield {**warm_programs, "exportd-worker": worker}
    worker.close()
