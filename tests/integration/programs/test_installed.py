"""What pip installs: each program with its extra alone, a sentence without it, and types for who uses the client.

The wheel is a real one. What an extra brings is linked from the libraries of this environment, so that nothing is
fetched but what builds the wheel.
"""

import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
EXTRAS = ("", "client", "api", "worker")
PROGRAMS = {
    "exportd-api": ("services.api.__main__", "api"),
    "exportd-worker": ("services.worker.__main__", "worker"),
    "exportctl": ("exportd_client.cli", "client"),
}
ROOMS = {
    "": ("exportd", "exportd_client"),
    "client": ("exportd_client", "exportd_client.cli"),
    "api": ("services.api", "services.contract", "services.runtime"),
    "worker": ("services.worker", "services.contract", "services.runtime"),
}
"""Packages whose modules an extra is enough for."""

APART = {
    "": ("exportd_client.cli.",),
    "api": ("services.api.storage.sqlite.migrations.env",),  # which alembic alone may run
}
"""Modules that are run, or need more."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if built.returncode and re.search("Could not find a version|Connection|Network", built.stderr):
        pytest.skip("no package index has what builds a wheel")
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="session", params=EXTRAS, ids=lambda extra: extra or "no extra")
def site(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """An extra, and a folder with the wheel and with what it needs under that extra."""
    folder = tmp_path_factory.mktemp("site")
    with ZipFile(wheel) as packed:
        packed.extractall(folder)
    (info,) = folder.glob("exportd-*.dist-info")
    for needed in closure(Distribution.at(info), request.param, set()):
        for top in {file.parts[0] for file in needed.files or () if file.parts[0] not in ("..", "__pycache__")}:
            place = folder / top
            if not place.exists():
                place.symlink_to(str(needed.locate_file(top)))
    return request.param, folder


def closure(of: Distribution, extra: str, seen: set[str]) -> Iterator[Distribution]:
    """What a distribution needs, and what that needs."""
    for requirement in map(Requirement, of.requires or ()):
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *sorted(requirement.extras)):
            if (mark := f"{requirement.name}[{wanted}]") in seen:
                continue
            seen.add(mark)
            try:
                needed = distribution(requirement.name)
            except PackageNotFoundError:
                continue  # of another platform
            yield needed
            yield from closure(needed, wanted, seen)


def python(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program with what is in the folder, and nothing else."""
    code = f"import sys\nsys.path.append({str(folder)!r})\n{program}"
    command = [sys.executable, "-I", "-S", "-c", code]
    return subprocess.run(command, env={}, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    module, _ = PROGRAMS[program]
    return python(folder, f"sys.argv = {[program, *arguments]!r}\nfrom {module} import main\nmain()")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_starts_with_its_extra_and_names_it_without(program: str, site: tuple[str, Path]) -> None:
    extra, folder = site
    arguments = ("get", "export", "--target=127.0.0.1:1") if program == "exportctl" else ()
    done = run(folder, program, *arguments)
    assert "Traceback" not in done.stderr
    if extra == PROGRAMS[program][1]:
        assert "pip install" not in done.stderr
        assert done.returncode == (5 if program == "exportctl" else 2)
    else:
        assert f"{program} needs pip install 'exportd[{PROGRAMS[program][1]}]'" in done.stderr
        assert done.returncode == 2


@pytest.mark.parametrize("program", ["exportd-api", "exportd-worker"])
def test_help_and_version_need_no_extra(program: str, site: tuple[str, Path]) -> None:
    _, folder = site
    assert run(folder, program, "--help").stdout.startswith(f"usage: {program}")
    assert run(folder, program, "--version").stdout == f"{program} 0.1.0\n"


def test_an_extra_brings_all_that_its_modules_import(site: tuple[str, Path]) -> None:
    extra, folder = site
    modules = [module for room in ROOMS[extra] for module in modules_of(room)]
    left = [m for m in modules if not f"{m}.".startswith(APART.get(extra, ("-",))) and not m.endswith("__main__")]
    done = python(folder, f"import importlib\nfor name in {left!r}:\n    importlib.import_module(name)")
    assert done.returncode == 0, done.stderr


def modules_of(package: str) -> Iterator[str]:
    base = ROOT / "proto" if package == "exportd" else ROOT
    for path in sorted((base / package.replace(".", "/")).rglob("*.py")):
        yield ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")


USER = """
from exportd_client import Export, ExportClient, state_name


async def rows(uri: str) -> int:
    async with ExportClient("127.0.0.1:50051") as client:
        export: Export = await client.create(uri, format="xlsx")
        async for seen in client.watch(export.id):
            print(state_name(seen), seen.progress.{field})
        await client.download(export, "file.xlsx")
        return export.progress.rows_written
"""


@pytest.fixture(scope="session")
def users_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel is installed."""
    home = tmp_path_factory.mktemp("user")
    venv.create(home, with_pip=False)
    (packages,) = home.glob("lib/python*/site-packages")
    with ZipFile(wheel) as packed:
        packed.extractall(packages)
    libraries = Path(distribution("grpcio").locate_file(""))
    (packages / "libraries.pth").write_text(f"{libraries}\n")
    return home / "bin" / "python"


@pytest.mark.parametrize(("field", "mistake"), [("rows_written", ""), ("rows_writen", "has no attribute")])
def test_who_uses_the_client_has_its_types(field: str, mistake: str, users_python: Path, tmp_path: Path) -> None:
    """Under mypy --strict: right use passes, a mistyped field is found."""
    (tmp_path / "user.py").write_text(USER.replace("{field}", field))
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(users_python), "user.py"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert checked.returncode == (1 if mistake else 0), checked.stdout
    assert mistake in checked.stdout
