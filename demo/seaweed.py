"""An object store with the S3 interface: SeaweedFS in a process of its own, on loopback."""

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_SERVICES = ("master", "volume", "filer", "s3", "admin")
_START_S = 60
_STARTS = 3
_ANSWERS = (200, 403)
_ACCESS_KEY = "whoever-tests"
_SECRET_KEY = "not-a-secret"  # noqa: S105


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The address of the store (`http://127.0.0.1:PORT`), and its only identity, which may do everything."""

    endpoint: str
    access_key: str = _ACCESS_KEY
    secret_key: str = _SECRET_KEY


@contextmanager
def object_store(directory: Path, bucket: str) -> Iterator[ObjectStore]:
    """Run a store with one `bucket`, whose objects are in the empty `directory`. It ends with the context.

    The path of the directory must be short, because it contains sockets. Raises RuntimeError with the end of the log if
    the store does not start.
    """
    for start in range(_STARTS):  # a port that was free may be taken before the store has it
        home = directory / str(start)
        home.mkdir()
        with ExitStack() as stack:
            ports = _free_ports(2 * len(_SERVICES))
            process = stack.enter_context(_running(home, bucket, ports))
            store = ObjectStore(f"http://127.0.0.1:{ports[2 * _SERVICES.index('s3')]}")
            if _answers(process, store):
                yield store
                return
    raise RuntimeError(f"SeaweedFS did not start:\n{(home / 'log').read_text(errors='replace')[-2_000:]}")


@contextmanager
def _running(home: Path, bucket: str, ports: list[int]) -> Iterator[subprocess.Popen[bytes]]:
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(_command(home, bucket, ports), cwd=home, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.kill()  # its data is no longer needed
            process.wait()


def _command(home: Path, bucket: str, ports: list[int]) -> list[str]:
    # Without given ports it searches for free ones, which takes ten seconds.
    given = [f"-{s}.port{twin}={p}" for (s, twin), p in zip(_named_ports(), ports, strict=True)]
    return [
        *(_weed(), "mini", f"-dir={_directory(home)}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *given),
        *(
            f"-bucket={bucket}",
            "-webdav=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-admin.ui=false",
            "-master.telemetry=false",
        ),
        *(f"-s3.config={_config(home)}", f"-filer.localSocket={home / 'filer'}", f"-s3.localSocket={home / 's3'}"),
    ]


def _named_ports() -> list[tuple[str, str]]:
    return [(service, twin) for service in _SERVICES for twin in ("", ".grpc")]


def _weed() -> str:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("the program weed is not installed")
    return found


def _directory(home: Path) -> Path:
    (home / "objects").mkdir()
    return home / "objects"


def _config(home: Path) -> Path:
    keys = {"accessKey": _ACCESS_KEY, "secretKey": _SECRET_KEY}
    identity = {"name": "tests", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    path = home / "s3.json"
    path.write_text(json.dumps({"identities": [identity]}))
    return path


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:  # all are open at once, so that they differ
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _answers(process: subprocess.Popen[bytes], store: ObjectStore) -> bool:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        if _status(store) in _ANSWERS:
            return True
        time.sleep(0.05)  # it only opens the port when it is ready
    return False


def _status(store: ObjectStore) -> int:
    with closing(http.client.HTTPConnection(store.endpoint.removeprefix("http://"), timeout=5)) as connection:
        try:
            connection.request("GET", "/")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
