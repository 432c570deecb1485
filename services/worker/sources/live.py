"""The sources in use, which can be read again while the worker runs."""

from collections.abc import Callable

from services.runtime import logs
from services.runtime.toml import FileError
from services.worker.sources.sources import Sources


class LiveSources:
    """Sources as their files say. Work that has begun keeps those that it was given."""

    def __init__(self, read: Callable[[], Sources]) -> None:
        """`read` raises FileError, as does this."""
        self._read = read
        self._current = read()

    @property
    def current(self) -> Sources:
        """What new work is given."""
        return self._current

    def reload(self) -> None:
        """Read the files again; when one has mistakes the log is told, and the sources stay as they were."""
        try:
            self._current = self._read()
        except FileError as error:
            logs.get().error("sources_refused", problem=str(error))
        else:
            logs.get().info("sources_reloaded", sources=len(self._current.by_id))
