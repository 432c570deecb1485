"""A real server with the interface of Azure's object store: azurite, in a process of its own, on loopback.

It is 186 MB of npm packages, which `make test-all` brings before the tests: `python -m tests.servers.azurite`.
"""

import base64
import hmac
import http.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from pathlib import Path
from uuid import uuid4

from demo.ports import free_port
from demo.server_process import ServerProcess
from services.objects.settings import BucketStore
from tests.linters.node import Node, install, node
from tests.patience import PATIENCE_S

PACKAGE = Path(__file__).parents[1] / "azurite"
CONTAINER = "container-of-tests"

_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Both are the same in every emulator, and no secret."""

_VERSION = "2023-11-03"
_MINIMUM = 22


def brought() -> Node:
    """What runs it, with its packages installed. Raises NoNode."""
    found = node(_MINIMUM)
    install(found, PACKAGE, "--ignore-scripts")
    return found


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """Run one with CONTAINER that keeps its objects in `folder`. Yields its endpoint."""
    found = brought()
    port = free_port()
    main = PACKAGE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    options = ("--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder), "--silent")
    quiet = ("--disableTelemetry", "--skipApiVersionCheck")
    command = ("env", f"PATH={found.environ['PATH']}", "node", main, *options, *quiet)
    process = ServerProcess(command, folder, folder / "log", lambda: _status(port, "GET", "/") != 0)
    try:
        process.wait_started()
        made = _status(port, "PUT", f"/{_ACCOUNT}/{CONTAINER}?restype=container", **_signed())
        assert made == http.client.CREATED
        yield f"http://127.0.0.1:{port}/{_ACCOUNT}"
    finally:
        process.kill()  # its content is not needed any more


def container_of(endpoint: str) -> BucketStore:
    """A part of the container that nobody else uses."""
    options = {
        "AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": _KEY,
        "AZURE_STORAGE_ENDPOINT": endpoint,
    }
    return BucketStore(f"az://{CONTAINER}/{uuid4()}/artifacts", tuple(options.items()))


def _signed() -> dict[str, str]:
    """The headers of the request that makes the container, which obstore cannot: Shared Key."""
    now = formatdate(usegmt=True)
    headers = f"x-ms-date:{now}\nx-ms-version:{_VERSION}\n"
    text = "PUT" + "\n" * 12 + headers + f"/{_ACCOUNT}/{_ACCOUNT}/{CONTAINER}\nrestype:container"
    signature = base64.b64encode(hmac.digest(base64.b64decode(_KEY), text.encode(), "sha256")).decode()
    return {"x-ms-date": now, "x-ms-version": _VERSION, "Authorization": f"SharedKey {_ACCOUNT}:{signature}"}


def _status(port: int, method: str, path: str, **headers: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        try:
            connection.request(method, path, headers={**headers, "Content-Length": "0"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0


if __name__ == "__main__":
    brought()
