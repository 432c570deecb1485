"""The wheels of `make dist`, installed into environments of their own.

pip installs the wheels. What they need is linked from the libraries of this environment, as their extras name it, so
that nothing is fetched.
"""

import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
CLIENT, SERVICES = "exportd-client", "exportd"
BROUGHT = {CLIENT: (CLIENT,), SERVICES: (CLIENT, SERVICES)}
"""The wheels that a distribution is made of."""


@dataclass(frozen=True)
class Installed:
    """An environment with a distribution and one of its extras."""

    distribution: str
    extra: str
    home: Path

    @property
    def programs(self) -> Path:
        return self.home / "bin"

    @property
    def packages(self) -> Path:
        return next(self.home.glob("lib/python*/site-packages"))

    def run(self, program: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """A program of the environment, with nothing from outside of it but these variables."""
        command = [self.programs / program, *arguments]
        return subprocess.run(
            command, cwd=self.home, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return self.run("python", "-I", "-c", code)


def build(folder: Path) -> None:
    """All wheels, as `make dist` does."""
    command = ["make", "--silent", "dist", f"DIST={folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr


def wheel_of(folder: Path, name: str) -> Path:
    (wheel,) = folder.glob(f"{name.replace('-', '_')}-*.whl")
    return wheel


def install(wheels: Path, name: str, extra: str, home: Path, like: Installed | None = None) -> Installed:
    """Into a new environment. What pip has put into `like`, one of the same distribution, is not asked of it again."""
    venv.create(home, with_pip=False)
    environment = Installed(name, extra, home)
    if like is None:
        _install(wheels, environment)
    else:
        _copy(like, environment)
    for needed in _needed(environment):
        _link(needed, environment.packages)
    return environment


def _install(wheels: Path, environment: Installed) -> None:
    files = [wheel_of(wheels, each) for each in BROUGHT[environment.distribution]]
    pip = [sys.executable, "-m", "pip", "--python", environment.programs / "python", "install"]
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile"]
    done = subprocess.run([*pip, *options, *files], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr


def _copy(installed: Installed, to: Installed) -> None:
    """Its wheels, without what is linked beside them; programs begin with the path of their Python."""
    for entry in installed.packages.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, to.packages / entry.name, dirs_exist_ok=True)
    for program in installed.programs.glob("export*"):
        text = program.read_text(encoding="utf-8").replace(str(installed.home), str(to.home))
        (to.programs / program.name).write_text(text, encoding="utf-8")
        (to.programs / program.name).chmod(program.stat().st_mode)


def _needed(environment: Installed) -> Iterator[Distribution]:
    own = {each.name: each for each in Distribution.discover(path=[str(environment.packages)])}
    yield from _closure(own[environment.distribution], environment.extra, own, set())


def _closure(of: Distribution, extra: str, own: dict[str, Distribution], seen: set[str]) -> Iterator[Distribution]:
    """What a distribution needs, and what that needs, but for those that are installed."""
    for requirement in map(Requirement, of.requires or ()):
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *sorted(requirement.extras)):
            if (mark := f"{requirement.name}[{wanted}]") in seen:
                continue
            seen.add(mark)
            try:
                needed = own.get(requirement.name) or distribution(requirement.name)
            except PackageNotFoundError:
                continue  # of another platform
            if requirement.name not in own:
                yield needed
            yield from _closure(needed, wanted, own, seen)


def _link(needed: Distribution, packages: Path) -> None:
    for top in {file.parts[0] for file in needed.files or () if file.parts[0] not in ("..", "__pycache__")}:
        place = packages / top
        if not place.exists():
            place.symlink_to(str(needed.locate_file(top)))
