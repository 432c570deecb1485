"""Without a collector no process loads OpenTelemetry. With one and without the library, none starts."""

import asyncio
from pathlib import Path

import pytest

from demo.processes import start_api, start_worker
from exportd_client import Export, ExportClient
from tests.integration.programs.conftest import Place, ended, place  # noqa: F401 - a fixture
from tests.patience import PATIENCE_S
from tests.tiers import deep, deep_but

REFUSING = """
from pathlib import Path
Path(__file__).with_name("loaded").touch()
raise ModuleNotFoundError("hidden by a test", name="opentelemetry")
"""
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH in which a package of that name takes note, and is not there."""
    package = tmp_path / "hidden" / "opentelemetry"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(REFUSING)
    return package.parent


def is_loaded(hidden: Path) -> bool:
    return (hidden / "opentelemetry" / "loaded").exists()


@pytest.mark.parametrize("program", deep_but(["exportd-api", "exportd-worker", "exportd-gateway"], "exportd-gateway"))
def test_a_collector_without_the_library_is_refused(program: str, place: Place, hidden: Path) -> None:  # noqa: F811
    environ = place.environ(PYTHONPATH=str(hidden), EXPORTD_GATEWAY_LISTEN="127.0.0.1:0")
    refused = ended(program, environ={**environ, ENDPOINT: "http://127.0.0.1:4318"}, folder=place.folder)
    assert refused.returncode == 2, refused.stderr
    assert ENDPOINT in refused.stderr
    assert "pip install 'exportd[otel]'" in refused.stderr
    assert is_loaded(hidden)
    assert not place.database.exists()


@deep
async def test_no_process_loads_it_without_a_collector(place: Place, hidden: Path) -> None:  # noqa: F811
    environ = {"PYTHONPATH": str(hidden), "EXPORTD_SLOTS": "1"}
    api = start_api(place.folder / "catalog.toml", place.data, "127.0.0.1:0", "127.0.0.1:0", **environ)
    worker = None
    try:
        queue = f"127.0.0.1:{api.first_line['queue_port']}"
        worker = start_worker(place.folder / "sources.toml", place.data, queue, **environ)
        async with ExportClient(f"127.0.0.1:{api.first_line['port']}") as client, asyncio.timeout(PATIENCE_S):
            done = await client.wait((await client.create("/orders", format="csv")).id)
            assert done.state == Export.STATE_COMPLETED
            await client.download(done.id, place.folder / "orders.csv")
        assert not is_loaded(hidden)
    finally:
        if worker:
            worker.terminate()
        api.terminate()
