"""Services of the last release beside those of this checkout, and this one's on the state of that one."""

import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from demo.processes import Begin, installed, start_api, start_worker
from exportd_client import Export, ExportClient
from tests.e2e.conftest import PATIENT
from tests.tiers import deep

pytestmark = deep

ROOT = Path(__file__).parents[2]
TAG = re.search(r"^RELEASED := (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1]  # type: ignore[index]
MODULES = {"exportd-api": "services.api", "exportd-worker": "services.worker"}
AIRPORTS = 1_458


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Begin:
    """Begins a service of the last release, with the libraries of this environment."""
    archived = subprocess.run(["git", "archive", TAG], cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        pytest.skip(f"there is no tag {TAG} here: a clone without tags, or before that release")
    tree = tmp_path_factory.mktemp("released")
    with tarfile.open(fileobj=BytesIO(archived.stdout)) as files:
        files.extractall(tree, filter="data")
    path = ":".join(str(tree / folder) for folder in (".", "proto", "clients/python"))

    def begin(program: str, environ: Mapping[str, str]) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", MODULES[program]]
        environ = {**environ, "PYTHONPATH": path}
        return subprocess.Popen(command, cwd=tree, env=environ, stderr=subprocess.PIPE, text=True)

    return begin


@contextmanager
def running(sample: Path, data: Path, api: Begin, worker: Begin) -> Iterator[str]:
    """Both services until the context ends; the address for callers."""
    free = "127.0.0.1:0"
    process = start_api(sample / "catalog.toml", data, free, free, begin=api, **PATIENT)
    try:
        queue = f"127.0.0.1:{process.first_line['queue_port']}"
        building = start_worker(sample / "sources.toml", data, queue, begin=worker, EXPORTD_SLOTS="1")
        try:
            yield f"127.0.0.1:{process.first_line['port']}"
        finally:
            assert building.terminate() == 0
    finally:
        assert process.terminate() == 0


async def exported(client: ExportClient, to: Path) -> Export:
    export = await client.create("/airports", format="csv")
    export = await client.wait(export.id)
    assert export.state == Export.STATE_COMPLETED
    await client.download(export, to)
    assert len(to.read_text(encoding="utf-8").splitlines()) == AIRPORTS + 1
    return export


async def test_each_service_of_today_works_with_the_other_of_the_release_and_on_its_state(
    sample: Path, released: Begin, tmp_path: Path
) -> None:
    """What the api of the release and a worker of today leave, the others go on with."""
    with running(sample, tmp_path / "data", released, installed) as target:
        async with ExportClient(target) as client:
            export = await exported(client, tmp_path / "before.csv")
    with running(sample, tmp_path / "data", installed, released) as target:
        async with ExportClient(target) as client:
            await client.download(await client.get(export.id), tmp_path / "after.csv")
            await exported(client, tmp_path / "airports.csv")
    assert (tmp_path / "after.csv").read_bytes() == (tmp_path / "before.csv").read_bytes()
