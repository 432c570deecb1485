"""The sources in use. They can be reloaded while the worker runs."""

from collections.abc import Callable

from services.runtime import logs
from services.runtime.toml import FileError
from services.worker.sources.sources import Sources


class LiveSources:
    """The sources as in their files. Work that has begun keeps the sources that it started with."""

    def __init__(self, read: Callable[[], Sources]) -> None:
        """`read` reads the files. It raises FileError, and so does this constructor."""
        self._read = read
        self._current = read()

    @property
    def current(self) -> Sources:
        """The sources for new work."""
        return self._current

    def reload(self) -> None:
        """Read the files again. If a file has mistakes, log them and keep the present sources."""
        try:
            self._current = self._read()
        except FileError as error:
            logs.get().error("sources_refused", problem=str(error))
        else:
            logs.get().info("sources_reloaded", sources=len(self._current.by_id))
