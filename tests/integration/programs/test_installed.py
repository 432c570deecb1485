"""What pip installs: each program with its extra alone, a sentence without it, and types for who uses the client."""

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest

from demo.processes import Begin, start_api, start_worker
from tests.integration.programs.wheels import CLIENT, ROOT, SERVICES, Installed, build, install, wheel_of
from tests.once import once
from tests.patience import PATIENCE_S
from tests.tiers import deep

pytestmark = deep

VERSION = version(SERVICES)
ENVIRONMENTS = [
    (CLIENT, ""),
    (CLIENT, "cli"),
    (CLIENT, "arrow"),
    (SERVICES, ""),
    (SERVICES, "api"),
    (SERVICES, "worker"),
    (SERVICES, "gateway"),
]
PROGRAMS = {
    "exportd-api": (SERVICES, "api"),
    "exportd-worker": (SERVICES, "worker"),
    "exportd-gateway": (SERVICES, "gateway"),
    "exportctl": (CLIENT, "cli"),
}
"""By program: the distribution and the extra that it needs."""

COVERS = {(SERVICES, "api"): (SERVICES, "gateway")}
"""Extras that bring all that another one does."""

BASES = {"exportd.v1": ROOT / "clients/python", "exportd_client": ROOT / "clients/python", "exportd": ROOT / "proto"}
ROOMS = {
    (CLIENT, ""): ("exportd.v1", "exportd_client"),
    (CLIENT, "cli"): ("exportd_client.cli",),
    (CLIENT, "arrow"): ("exportd.v1", "exportd_client"),
    (SERVICES, ""): ("exportd.queue", "exportd.v1", "exportd_client"),
    (SERVICES, "api"): ("services.api", "services.contract", "services.runtime"),
    (SERVICES, "worker"): ("services.worker", "services.contract", "services.runtime"),
    (SERVICES, "gateway"): ("services.gateway", "services.tls"),
}
"""Packages whose modules an extra is enough for."""

APART = {
    (CLIENT, ""): ("exportd_client.cli.", "exportd_client.text_tables.", "exportd_client.json_tables."),
    (CLIENT, "arrow"): ("exportd_client.cli.",),
    (SERVICES, ""): ("exportd_client.cli.", "exportd_client.text_tables.", "exportd_client.json_tables."),
    # Which alembic alone may run; traces need the extra otel.
    (SERVICES, "api"): (
        *(f"services.api.storage.{engine}.migrations.env." for engine in ("postgres", "sqlite")),
        "services.runtime.tracing.otlp.",
    ),
    (SERVICES, "worker"): ("services.runtime.tracing.otlp.",),
}
"""Modules that are run, or need more."""

CATALOG = """
[sources.shop]
kind = "sql"
[collections.Orders]
path = "/orders"
source = "shop"
table = "orders"
key = "id"
formats = ["CSV"]
columns = [{ field = "id" }, { field = "total" }]
"""
SOURCES = """
[sources.shop]
kind = "sql"
url = "sqlite:///shop.sqlite3"
"""


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "wheels", build)


@pytest.fixture(scope="session")
def environments(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], Installed]:
    home = tmp_path_factory.mktemp("installed")
    made: dict[tuple[str, str], Installed] = {}
    for name, extra in ENVIRONMENTS:
        like = next((each for each in made.values() if each.distribution == name), None)
        made[name, extra] = install(wheels, name, extra, home / f"{name}-{extra or 'alone'}", like)
    return made


@pytest.fixture(params=ENVIRONMENTS, ids="-".join)
def environment(
    request: pytest.FixtureRequest, environments: Mapping[tuple[str, str], Installed]
) -> tuple[tuple[str, str], Installed]:
    return request.param, environments[request.param]


def test_no_file_is_in_two_wheels(wheels: Path) -> None:
    """pip would let the second one overwrite it, and remove it with either."""
    names = [{*ZipFile(wheel_of(wheels, each)).namelist()} for each in (CLIENT, SERVICES)]
    assert names[0] & names[1] == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_starts_with_its_extra_and_names_it_without(
    program: str, environment: tuple[tuple[str, str], Installed]
) -> None:
    place, installed = environment
    needed = PROGRAMS[program]
    if program.startswith("exportd-") and place[0] == CLIENT:
        assert not (installed.programs / program).exists()
        return
    arguments = ("get", "export", "--target=127.0.0.1:1") if program == "exportctl" else ()
    with socket.create_server(("127.0.0.1", 0)) as taken:  # else the gateway, which needs no setting, would start
        port = taken.getsockname()[1]
        done = installed.run(program, *arguments, EXPORTD_GATEWAY_LISTEN=f"127.0.0.1:{port}")
    assert "Traceback" not in done.stderr
    if needed in (place, COVERS.get(place)):
        assert "pip install" not in done.stderr
        assert done.returncode == (5 if program == "exportctl" else 2)
    else:
        assert f"{program} needs pip install '{needed[0]}[{needed[1]}]'" in done.stderr
        assert done.returncode == 2


@pytest.mark.parametrize("program", ["exportd-api", "exportd-worker", "exportd-gateway"])
def test_help_and_version_need_no_extra(program: str, environments: Mapping[tuple[str, str], Installed]) -> None:
    installed = environments[SERVICES, ""]
    assert installed.run(program, "--help").stdout.startswith(f"usage: {program}")
    assert installed.run(program, "--version").stdout == f"{program} {VERSION}\n"


def test_exportctl_tells_the_version_of_its_distribution(environments: Mapping[tuple[str, str], Installed]) -> None:
    assert environments[CLIENT, "cli"].run("exportctl", "--version").stdout == f"exportctl {VERSION}\n"


def test_an_extra_brings_all_that_its_modules_import(environment: tuple[tuple[str, str], Installed]) -> None:
    place, installed = environment
    modules = [module for room in ROOMS[place] for module in _modules_of(room)]
    assert modules
    left = [m for m in modules if not f"{m}.".startswith(APART.get(place, ("-",))) and not m.endswith("__main__")]
    done = installed.python(f"import importlib\nfor name in {left!r}:\n    importlib.import_module(name)")
    assert done.returncode == 0, done.stderr


def _modules_of(package: str) -> Iterator[str]:
    base = next((base for below, base in BASES.items() if f"{package}.".startswith(f"{below}.")), ROOT)
    for path in sorted((base / package.replace(".", "/")).rglob("*.py")):
        yield ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")


def test_three_environments_make_one_export(environments: Mapping[tuple[str, str], Installed], tmp_path: Path) -> None:
    """The api, a worker and exportctl, each from the wheels with its extra alone."""
    (tmp_path / "catalog.toml").write_text(CATALOG)
    (tmp_path / "sources.toml").write_text(SOURCES)
    with sqlite3.connect(tmp_path / "shop.sqlite3") as shop:
        shop.execute("create table orders (id text primary key, total text)")
        shop.execute("insert into orders values ('a', '1.50')")
    begin = _from(environments)
    free = "127.0.0.1:0"
    api = start_api(tmp_path / "catalog.toml", tmp_path / "data", free, free, begin=begin)
    queue = f"127.0.0.1:{api.first_line['queue_port']}"
    worker = start_worker(tmp_path / "sources.toml", tmp_path / "data", queue, begin=begin)
    try:
        words = ("create", "/orders", f"--target=127.0.0.1:{api.first_line['port']}", "-o", str(tmp_path / "o.csv"))
        done = environments[CLIENT, "cli"].run("exportctl", *words)
        assert done.returncode == 0, done.stderr
    finally:
        statuses = worker.terminate(), api.terminate()
    assert (tmp_path / "o.csv").read_text().split() == ["id,total", "a,1.50"]
    assert statuses == (0, 0)


def _from(environments: Mapping[tuple[str, str], Installed]) -> Begin:
    def begin(program: str, environ: Mapping[str, str]) -> "subprocess.Popen[str]":
        installed = environments[PROGRAMS[program]]
        settings = {name: value for name, value in environ.items() if name.startswith("EXPORTD_")}
        command = [installed.programs / program]
        return subprocess.Popen(command, cwd=installed.home, env=settings, stderr=subprocess.PIPE, text=True)

    return begin


USER = """
from exportd_client import Export, ExportClient, SyncExportClient, Tls, state_name


async def rows(uri: str) -> int:
    async with ExportClient("127.0.0.1:50051") as client:
        export: Export = await client.create(uri, format="xlsx")
        async for seen in client.watch(export.id):
            print(state_name(seen), seen.progress.{field})
        await client.download(export, "file.xlsx")
        return export.progress.rows_written


def table(uri: str, target: list[str]) -> None:
    with SyncExportClient(target, tls=Tls(ca="ca.pem"), api_key=lambda: "key") as client:
        export: Export = client.wait(client.create(uri, format="parquet").id, timeout=60)
        print(export.file.row_count, client.to_arrow(export).num_rows)
"""


def test_who_uses_the_client_has_its_types(environments: Mapping[tuple[str, str], Installed], tmp_path: Path) -> None:
    """Under mypy --strict, with the wheel alone: right use passes, a mistyped field is found."""
    (tmp_path / "right.py").write_text(USER.replace("{field}", "rows_written"))
    (tmp_path / "wrong.py").write_text(USER.replace("{field}", "rows_writen"))
    its_python = str(environments[CLIENT, ""].programs / "python")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", its_python, "right.py", "wrong.py"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert checked.returncode == 1, checked.stdout
    (mistake,) = (line for line in checked.stdout.splitlines() if " error: " in line)
    assert mistake.startswith("wrong.py:")
    assert "has no attribute" in mistake
