"""What is imported at a start."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def without(library: str) -> Iterator[None]:
    """Let a module that is imported in this context find that `library` is not installed, unless it is imported yet.

    It is for modules that have a use for a large library, but do not need it.
    """
    hiding = _Hiding(library)
    sys.meta_path.insert(0, hiding)
    try:
        yield
    finally:
        sys.meta_path.remove(hiding)


def hide(library: str) -> None:
    """Let every module find that `library` is not installed, from now on, in this process and in those that it forks.

    Call it before anything imports the library.
    """
    sys.meta_path.insert(0, _Hiding(library))


class _Hiding:
    """Finds no module of this name. Setting sys.modules would not do: Cython does not see that None means absent."""

    def __init__(self, library: str) -> None:
        self._library = library

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: object = None) -> None:  # noqa: ARG002
        if fullname == self._library:
            raise ModuleNotFoundError(name=fullname)
