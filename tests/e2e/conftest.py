"""An api and workers as processes on the sample data, and the client that everybody uses."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from demo.ports import free_port
from demo.processes import Begin, ServiceProcess, installed, start_api, start_worker
from exportd_client import ExportClient
from sample.build import build
from tests.e2e.held import CATALOG as HELD_CATALOG
from tests.e2e.held import Held
from tests.integration.conftest import warm_programs, warm_services  # noqa: F401 - fixtures
from tests.once import once
from tests.servers.new_database import put_new_database
from tests.servers.warm import WarmProgram

QUICK = {"EXPORTD_LEASE_TTL_S": "2", "EXPORTD_CONFIRM_WINDOW_S": "2"}
"""Leases that expire while a test waits."""

PATIENT = {"EXPORTD_LEASE_TTL_S": "20", "EXPORTD_CONFIRM_WINDOW_S": "20"}
"""Leases that outlast a restart of the api on a busy machine: only then must no attempt be lost."""


INVOICES = 5_000
NUMBERS = 1_000_000
COPIES = 30
"""The collection /numbers has its rows so many times over that no machine is at their end when a test cancels it."""

NUMBERS_CATALOG = """
[sources.numbers]
kind = "parquet"
[collections.Numbers]
path = "/numbers"
source = "numbers"
file = "numbers-*.parquet"
formats = ["XLSX", "CSV"]
[[collections.Numbers.columns]]
field = "n"
type = "integer"
[[collections.Numbers.columns]]
field = "text"
"""

NUMBERS_SOURCES = """
[sources.numbers]
kind = "parquet"
root = "numbers"
hard_links = true
"""


@pytest.fixture(scope="session")
def held_api() -> Iterator[Held]:
    with Held().served() as held:
        yield held


@pytest.fixture
def held(held_api: Held) -> Iterator[Held]:
    """The gate of the collection /held, closed: its exports are being written until the test opens it, or ends."""
    held_api.close()
    yield held_api
    held_api.open()


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, held_api: Held) -> Path:
    """Catalog and sources of sample data with all flights, a few invoices, numbers, and a collection that waits."""
    data = once(tmp_path_factory, "sample", _build)
    directory = tmp_path_factory.mktemp("sample") / "sample"
    directory.mkdir()
    catalog, sources = ((data / name).read_text() for name in ("catalog.toml", "sources.toml"))
    (directory / "catalog.toml").write_text(catalog + NUMBERS_CATALOG + HELD_CATALOG)
    sources += NUMBERS_SOURCES
    (directory / "sources.toml").write_text(
        re.sub('(root = "|sqlite:///)', rf"\g<1>{data}/", sources) + held_api.sources
    )
    return directory


def _build(directory: Path) -> None:
    build(directory, invoices=INVOICES)
    (directory / "numbers").mkdir()
    rows = f"SELECT range AS n, 'number ' || range AS text FROM range({NUMBERS})"
    first = directory / "numbers" / "numbers-0.parquet"
    duckdb.sql(f"COPY ({rows}) TO '{first}'")
    for copy in range(1, COPIES):
        first.with_name(f"numbers-{copy}.parquet").hardlink_to(first)


@dataclass
class House:
    """Processes on one data directory; all are ended with the test."""

    sample: Path
    data_dir: Path
    begin: Begin = installed
    ports: tuple[int, int] = (0, 0)
    worker_metrics: str = "off"
    processes: list[ServiceProcess] = field(default_factory=list)

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def artifacts(self) -> Path:
        return self.data_dir / "artifacts"

    def api(self, **settings: str) -> ServiceProcess:
        """Start the api; a second one takes the ports of the first, as after a restart."""
        put_new_database(self.data_dir / "exportd.sqlite3")
        listen, queue = (f"127.0.0.1:{port}" for port in self.ports)
        catalog = self.sample / "catalog.toml"
        process = start_api(catalog, self.data_dir, listen, queue, begin=self.begin, **(QUICK | settings))
        self.ports = (process.first_line["port"], process.first_line["queue_port"])
        self.processes.append(process)
        return process

    def worker(self, **settings: str) -> ServiceProcess:
        """Start a worker, of one slot when nothing else is said: each has to be warmed."""
        queue = f"127.0.0.1:{self.ports[1]}"
        sources, settings = self.sample / "sources.toml", {"EXPORTD_SLOTS": "1"} | settings
        process = start_worker(sources, self.data_dir, queue, begin=self.begin, **settings)
        self.processes.append(process)
        return process


@contextmanager
def opened_house(sample: Path, data_dir: Path, begin: Begin = installed) -> Iterator[House]:
    house = House(sample, data_dir, begin)
    try:
        yield house
    finally:
        for process in reversed(house.processes):
            process.terminate()


@pytest.fixture(scope="session")
def forked(warm_services: Mapping[str, WarmProgram]) -> Begin:  # noqa: F811 - the fixture
    """Begins a service as a fork of one that is imported already; `installed` begins the program."""
    return lambda name, environ: warm_services[name].begin(env=environ)  # type: ignore[return-value]


@pytest.fixture
def house(sample: Path, tmp_path: Path, forked: Begin) -> Iterator[House]:
    """Its processes are forked; those of `quiet_house` are the programs."""
    with opened_house(sample, tmp_path / "data", forked) as house:
        yield house


@pytest.fixture
async def client(house: House) -> AsyncIterator[ExportClient]:
    """A client of an api that was started first."""
    house.api()
    async with ExportClient(house.target) as client:
        yield client


@pytest.fixture(scope="session")
def quiet_house(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An api and a worker for all tests that end and change neither."""
    with opened_house(sample, tmp_path_factory.mktemp("house") / "data") as house:
        house.api(**PATIENT)
        house.worker_metrics = f"127.0.0.1:{free_port()}"
        house.worker(EXPORTD_SLOTS="2", EXPORTD_WORKER_METRICS=house.worker_metrics)
        yield house
