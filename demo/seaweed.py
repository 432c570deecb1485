"""An object store with the S3 interface: SeaweedFS in a process of its own, on loopback."""

import http.client
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.ports import free_ports
from demo.processes import DidNotStart
from demo.server_process import ServerProcess

_SERVICES = ("master", "volume", "filer", "s3", "admin")
PORTS = 2 * len(_SERVICES)
"""How many ports a server needs: each of its services has one for HTTP and one for gRPC."""

_START_S = 60.0
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

    @property
    def settings(self) -> dict[str, str]:
        """The variables with which a process reaches it."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
        }


class SeaweedServer:
    """A server that keeps its objects below `folder` when it is killed and started again.

    The folder must exist and its path must be short, because it contains sockets.
    """

    def __init__(self, folder: Path, bucket: str, ports: Sequence[int], log: Path) -> None:
        """`ports`: as many as PORTS says, all free."""
        (folder / "objects").mkdir()
        self._folder = folder
        self._log = log
        self._command = _command(folder, bucket, ports)
        self.port = ports[2 * _SERVICES.index("s3")]

    def begin(self) -> ServerProcess:
        """Start its process. The one before must have ended."""
        return ServerProcess(self._command, self._folder, self._log, lambda: _status(self.store()) in _ANSWERS)

    def store(self, port: int = 0) -> ObjectStore:
        """Return its address. `port`: of a proxy to the server, if there is one."""
        return ObjectStore(f"http://127.0.0.1:{port or self.port}")


@contextmanager
def object_store(directory: Path, bucket: str) -> Iterator[ObjectStore]:
    """Run a store with one `bucket`, whose objects are in the empty `directory`. It ends with the context.

    The path of the directory must be short, because it contains sockets. Raises DidNotStart with the end of the log.
    """
    for start in range(_STARTS):  # a port that was free may be taken before the store has it
        home = directory / str(start)
        home.mkdir()
        server = SeaweedServer(home, bucket, free_ports(PORTS), home / "log")
        process = server.begin()
        try:
            process.wait_started(_START_S)
        except DidNotStart:
            if start == _STARTS - 1:
                raise
            continue
        try:
            yield server.store()
        finally:
            process.kill()  # its data is no longer needed
        return


def _command(home: Path, bucket: str, ports: Sequence[int]) -> list[str]:
    # Without given ports it searches for free ones, which takes ten seconds.
    given = [f"-{s}.port{twin}={p}" for (s, twin), p in zip(_named_ports(), ports, strict=True)]
    return [
        *(
            _weed(),
            "-logtostderr=true",
            "mini",
            f"-dir={home / 'objects'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *given,
        ),
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


def _config(home: Path) -> Path:
    keys = {"accessKey": _ACCESS_KEY, "secretKey": _SECRET_KEY}
    identity = {"name": "tests", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    path = home / "s3.json"
    path.write_text(json.dumps({"identities": [identity]}))
    return path


def _status(store: ObjectStore) -> int:
    with closing(http.client.HTTPConnection(store.endpoint.removeprefix("http://"), timeout=5)) as connection:
        try:
            connection.request("GET", "/")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
