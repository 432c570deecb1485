"""Builds the images of deploy/Dockerfile without Docker, and runs an export through them: `make rehearse`.

Each stage becomes a folder. Its steps run below a root of their own, which has this machine's /usr and Python in place
of the base image, and nothing else of this machine. It needs root, and the programs unshare, mount and chroot.
What it cannot show: that the base images exist, and how their libraries differ from this machine's.
"""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMPOSE = ROOT / "deploy" / "compose"
TARGETS = ("api", "worker", "gateway", "client")
PATIENCE_S = 120
_HOST = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/proc", "/dev", sys.base_prefix)
"""What stands in for the base image."""
_LIVE = ("/proc", "/dev")
_PASSED = (
    "PIP_",
    "SSL_",
    "REQUESTS_",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
"""How pip reaches its index on this machine."""


@dataclass(slots=True)
class Image:
    """A stage that is built: `root` is its file system; the rest is what its last instructions say."""

    root: Path
    environ: dict[str, str]
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: tuple[str, ...] = ()
    health: tuple[str, ...] = ()

    def command(self, arguments: Sequence[str], **more: str) -> list[str]:
        """Return a command that runs `arguments` in the image, as its user, with its environment and `more`."""
        environ = [f"{name}={value}" for name, value in (self.environ | more).items()]
        binds = [
            shlex.join(["mount", "--rbind", place, f"{self.root}{place}"]) for place in _HOST if Path(place).exists()
        ]
        inside = shlex.join(["cd", self.workdir]) + ' && exec "$@"'
        chrooted = shlex.join(
            [
                "chroot",
                f"--userspec={self.user}",
                str(self.root),
                "/usr/bin/env",
                "-i",
                *environ,
                "/bin/sh",
                "-c",
                inside,
            ]
        )
        script = " && ".join([*binds, f'exec {chrooted} sh "$@"'])
        return ["unshare", "--mount", "--", "/bin/sh", "-c", script, "sh", *arguments]


@dataclass(slots=True)
class Build:
    """The stages of a Dockerfile, one after another, in folders below `directory`."""

    directory: Path
    stages: dict[str, Image] = field(default_factory=dict)

    def run(self, dockerfile: Path) -> None:
        """Follow every instruction. Raises CalledProcessError for a step that fails, ValueError for an unknown one."""
        image: Image | None = None
        for step in DockerfileParser(fileobj=BytesIO(dockerfile.read_bytes())).structure:
            kind, value = step["instruction"], step["value"]
            if kind == "FROM":
                image = self._begin(value)
            elif image is not None:
                self._follow(image, kind, value)

    def _begin(self, value: str) -> Image:
        base, _, name = value.partition(" AS ")
        root = self.directory / name
        print(f"{name}: from {base}", flush=True)
        if base in self.stages:
            before = self.stages[base]
            subprocess.run(["cp", "--archive", before.root, root], check=True)  # with the owners
            image = Image(root, dict(before.environ), before.workdir, before.user)
        else:
            image = Image(root, _base(root))
        self.stages[name] = image
        return image

    def _follow(self, image: Image, kind: str, value: str) -> None:
        match kind:
            case "RUN":
                subprocess.run(image.command(["/bin/sh", "-c", value], **_passed()), check=True)
            case "COPY":
                self._copy(image, shlex.split(value))
            case "WORKDIR":
                image.workdir = value
                (image.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "ENV":
                for pair in shlex.split(value):
                    name, _, text = pair.partition("=")
                    image.environ[name] = text.replace("$PATH", image.environ["PATH"])
            case "USER":
                image.user = value
            case "ENTRYPOINT":
                image.entrypoint = tuple(json.loads(value))
            case "HEALTHCHECK":
                image.health = tuple(json.loads(value.partition("CMD ")[2] or "[]"))
            case "EXPOSE" | "COMMENT" | "ARG":
                pass
            case _:
                raise ValueError(f"{kind} is not rehearsed")

    def _copy(self, image: Image, words: list[str]) -> None:
        base = self.stages[words.pop(0).removeprefix("--from=")].root if words[0].startswith("--from=") else ROOT
        *sources, target = words
        into = image.root / os.path.join(image.workdir, target).lstrip("/")  # noqa: PTH118 - `target` may be absolute
        for source in sources:
            _copy(base / source.lstrip("/"), into if len(sources) == 1 and not target.endswith("/") else into / source)


def _bind(place: str, root: Path) -> str:
    """Return the shell's words that show a folder of this machine in an image; nothing can be written there."""
    target = shlex.quote(f"{root}{place}")
    bound = f"mount --rbind {shlex.quote(place)} {target}"
    return bound if place in _LIVE else f"{bound} && mount -o remount,bind,ro {target}"


def _base(root: Path) -> dict[str, str]:
    """Make what a base image has beside this machine's /usr; return its environment."""
    for place in _HOST:
        (root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for place in ("tmp", "root", "var/lib", "opt", "usr-local-bin"):
        (root / place).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    shutil.copytree("/etc", root / "etc", symlinks=True, ignore=shutil.ignore_patterns("ssl-private", "shadow*"))
    (root / "usr-local-bin" / "python").symlink_to(f"{sys.base_prefix}/bin/python3")
    return {"PATH": "/usr-local-bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}


def _copy(source: Path, target: Path) -> None:
    """As COPY does: what comes into an image belongs to root."""
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=ignored)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _passed() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_PASSED)}


@contextmanager
def _service(image: Image, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the entrypoint of an image until the context ends; then SIGTERM must end it with 0."""
    process = subprocess.Popen(image.command(image.entrypoint, **settings))
    try:
        _wait_for_health(image, process, settings)
        yield process
        process.terminate()
        if process.wait(PATIENCE_S):
            raise RuntimeError(f"{image.entrypoint[0]} ended with {process.returncode} after SIGTERM")
    finally:
        process.kill()
        process.wait()


def _wait_for_health(image: Image, process: subprocess.Popen[bytes], settings: Mapping[str, str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while subprocess.run(image.command(image.health, **settings), check=False, stdout=subprocess.DEVNULL).returncode:
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{image.entrypoint[0]} does not become healthy")
        time.sleep(0.5)


def _free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in held]


def _exported(stages: Mapping[str, Image]) -> str:
    """Export the collection of deploy/compose through all four images; return the file's text."""
    listen, queue, metrics, worker_metrics, http, http_metrics = _free_ports(6)
    with tempfile.TemporaryDirectory(prefix="exportd-rehearsal-") as folder:
        shared = Path(folder)
        shared.chmod(0o755)
        for name in ("catalog.toml", "data"):
            _copy(COMPOSE / name, shared / name)
        (shared / "sources.toml").write_text(f'[sources.demo]\nkind = "csv"\nroot = "{shared}/data"\n')
        state = shared / "state"
        state.mkdir()
        os.chown(state, 10001, 10001)
        for image in stages.values():
            (image.root / folder.lstrip("/")).mkdir(parents=True)
        binds = {"EXPORTD_DATA_DIR": str(state)}
        with ExitStack() as stack:
            for name in TARGETS:
                stack.enter_context(_mounted(shared, stages[name].root))
            api = {"EXPORTD_CATALOG": f"{shared}/catalog.toml", "EXPORTD_LISTEN": listen, "EXPORTD_QUEUE_LISTEN": queue}
            stack.enter_context(_service(stages["api"], EXPORTD_API_METRICS=metrics, **api, **binds))
            worker = {"EXPORTD_SOURCES": f"{shared}/sources.toml", "EXPORTD_QUEUE_ADDRESS": queue}
            stack.enter_context(_service(stages["worker"], EXPORTD_WORKER_METRICS=worker_metrics, **worker, **binds))
            gateway = {"EXPORTD_TARGET": listen, "EXPORTD_GATEWAY_LISTEN": http}
            stack.enter_context(_service(stages["gateway"], EXPORTD_GATEWAY_METRICS=http_metrics, **gateway))
            _look_at(f"http://{http}/v1/collections")
            create = [
                *stages["client"].entrypoint,
                "--target",
                listen,
                "create",
                "/cities",
                "-o",
                f"{state}/cities.csv",
            ]
            subprocess.run(stages["client"].command(create), check=True)
        return (state / "cities.csv").read_text(encoding="utf-8")


def _look_at(url: str) -> None:
    """Check that the gateway answers with the collection of the example."""
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - of this machine
        if b"/cities" not in answer.read():
            raise RuntimeError(f"{url} does not show the collection /cities")


@contextmanager
def _mounted(folder: Path, root: Path) -> Iterator[None]:
    target = root / str(folder).lstrip("/")
    subprocess.run(["mount", "--bind", folder, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", target], check=True)


def _size(root: Path) -> int:
    found = (Path(folder) / name for folder, _, names in os.walk(root / "opt") for name in names)
    return sum(file.lstat().st_size for file in found)


def main() -> None:
    """Build, look into each image, export. Exits with 1 and a sentence when something is not as it should be."""
    if os.geteuid():
        sys.exit("this needs root: it changes the root of each step")
    with tempfile.TemporaryDirectory(prefix="exportd-images-") as folder:
        build = Build(Path(folder))
        build.run(DOCKERFILE)
        for name in TARGETS:
            image = build.stages[name]
            said = subprocess.check_output(image.command([*image.entrypoint, "--version"]), text=True).strip()
            print(f"{name}: {said}, user {image.user}, {_size(image.root) / 1e6:,.0f} MB beside the base image")
        text = _exported(build.stages)
        if text.replace("\r", "") != (COMPOSE / "data" / "cities.csv").read_text(encoding="utf-8"):
            sys.exit(f"the export is not what was read:\n{text}")
    print("an export went through the three images, and SIGTERM ended both services with 0")


if __name__ == "__main__":
    main()
