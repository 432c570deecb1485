"""What tests of several folders start."""

from collections.abc import Iterator, Mapping

import pytest

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
