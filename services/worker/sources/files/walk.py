"""Finds the files below a folder that a pattern names, and refuses those that must not be read.

Links are followed while they stay below the root. Broken links, links that lead out of the root, and files that are not
regular are refused by name. pathlib would skip them, and their rows would be missing without notice.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.runtime import beneath
from services.worker.sources.stores import globs
from services.worker.sources.stores.folder import steps_below

Steps = tuple[str, ...]


class FileRefused(Exception):
    """A file that the pattern names must not be read.

    `why` completes the sentence "the source holds `path`, which …".
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why


class Walk:
    """One walk below `root`. `hard_links` allows files that also have other names."""

    def __init__(self, root: Path, *, hard_links: bool) -> None:
        self._root = root
        self._hard_links = hard_links
        self._visited: set[tuple[Steps, int]] = set()

    def files(self, pattern: str) -> set[Steps]:
        """Return the files, each by the names on its real path from the root. Raises FileRefused or OSError."""
        return set(self._below((), globs.steps(pattern)))

    def _below(self, folder: Steps, pattern: Sequence[str]) -> Iterator[Steps]:
        if (folder, len(pattern)) in self._visited:  # reached before by a link, or with another number of folders
            return
        self._visited.add((folder, len(pattern)))
        first, *rest = pattern
        if first == globs.FOLDERS:
            yield from self._below(folder, rest) if rest else ()
            for inner in self._inner(folder, "*"):
                yield from self._below(inner, pattern) if self._is_folder(inner) else ()
            return
        for inner in self._inner(folder, first):
            if rest:
                yield from self._below(inner, rest) if self._is_folder(inner) else ()
            elif not self._is_folder(inner):
                yield self._checked(inner)

    def _inner(self, folder: Steps, pattern: str) -> Iterator[Steps]:
        """Yield the real paths of the matching names in a folder."""
        name = globs.step(pattern)
        with beneath.folder(self._root, folder, listed=True) as listed, os.scandir(listed) as entries:
            fitting = sorted((entry.name, entry.is_symlink()) for entry in entries if name.fullmatch(entry.name))
        for inner, is_link in fitting:
            yield self._led((*folder, inner)) if is_link else (*folder, inner)

    def _led(self, link: Steps) -> Steps:
        try:
            real = steps_below(self._root, "/".join(link))
        except OSError as error:
            if error.errno not in beneath.NOTHING_THERE:
                raise
            raise FileRefused("/".join(link), "is a broken link") from error
        if real is None:
            raise FileRefused("/".join(link), "is a link that leads out of it")
        return real

    def _checked(self, file: Steps) -> Steps:
        found = self._stat(file)
        if not stat.S_ISREG(found.st_mode):
            raise FileRefused("/".join(file), "is not a regular file")
        if found.st_nlink > 1 and not self._hard_links:
            raise FileRefused("/".join(file), "is a hard link, and hard_links = false")
        return file

    def _is_folder(self, steps: Steps) -> bool:
        return not steps or stat.S_ISDIR(self._stat(steps).st_mode)

    def _stat(self, steps: Steps) -> os.stat_result:
        with beneath.folder(self._root, steps[:-1]) as parent:
            return os.stat(steps[-1], dir_fd=parent, follow_symlinks=False)
