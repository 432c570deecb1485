"""Secrets of the sources: given as they are, by the name of an environment variable, or by a file."""

from collections.abc import Mapping
from pathlib import Path

_WAYS = ("env", "file")


class Secrets:
    """Reads `"text"`, `{ env = "NAME" }` and `{ file = "PATH" }`, relative to `base`; what is wrong goes to `mistakes`.

    No secret is ever repeated in a mistake.
    """

    def __init__(self, environ: Mapping[str, str], base: Path, mistakes: list[str]) -> None:
        self._environ = environ
        self._base = base
        self._mistakes = mistakes

    def text(self, key: str, value: object) -> str:
        """The secret, without the white space around what a file holds; empty when it cannot be had."""
        if isinstance(value, str):
            return value
        if not isinstance(value, dict) or len(value) != 1 or not isinstance(value.get(way := next(iter(value))), str):
            return self._wrong(f'{key}: must be text, {{ env = "NAME" }} or {{ file = "PATH" }}')
        if way not in _WAYS:
            return self._wrong(f"{key}.{way}: not known; allowed are {' and '.join(_WAYS)}")
        return self._from_env(key, value[way]) if way == "env" else self._from_file(key, value[way])

    def _from_env(self, key: str, name: str) -> str:
        return self._environ.get(name) or self._wrong(f"{key}: the environment has no {name}")

    def _from_file(self, key: str, path: str) -> str:
        try:
            return (self._base / path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return self._wrong(f"{key}: the file {path} cannot be read as text")

    def _wrong(self, mistake: str) -> str:
        self._mistakes.append(mistake)
        return ""
