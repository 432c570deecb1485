"""Where a file of sources lies, and what it refers to: paths that are relative to it, and secrets kept elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.runtime.toml import Table

_WAYS = ("env", "file")
_REFERENCE = '{ env = "NAME" } or { file = "PATH" }'


@dataclass(frozen=True, slots=True)
class Origin:
    """`base` is the directory that relative paths start at, `environ` has the variables that secrets are in.

    A secret that cannot be had is noted in its table, and empty then; none is ever repeated in a mistake.
    """

    base: Path
    environ: Mapping[str, str] = field(repr=False)

    def path(self, text: str) -> Path:
        """A path of the file."""
        return self.base / text

    def secret(self, table: Table, key: str) -> str:
        """What a key holds: `"text"`, `{ env = "NAME" }` or `{ file = "PATH" }`."""
        value = table.value(key)
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            return self.kept(table, key, value)
        table.wrong(key, f"must be text, {_REFERENCE}")
        return ""

    def kept_secret(self, table: Table, key: str) -> str:
        """As `secret`, but never in the file itself."""
        value = table.value(key)
        if isinstance(value, dict):
            return self.kept(table, key, value)
        table.wrong(key, f"must be {_REFERENCE}")
        return ""

    def kept(self, table: Table, key: str, reference: Mapping[str, object]) -> str:
        """The secret that `{ env = "NAME" }` or `{ file = "PATH" }` leads to, without white space around a file's."""
        way, name = next(iter(reference.items()), ("", None))
        if way not in _WAYS or len(reference) > 1 or not isinstance(name, str):
            table.wrong(key, f"must be {_REFERENCE}")
            return ""
        return self._of_variable(table, key, name) if way == "env" else self._of_file(table, key, name)

    def _of_variable(self, table: Table, key: str, name: str) -> str:
        secret = self.environ.get(name, "")
        if not secret:
            table.wrong(key, f"the environment has no {name}")
        return secret

    def _of_file(self, table: Table, key: str, path: str) -> str:
        try:
            return self.path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            table.wrong(key, f"the file {path} cannot be read as text")
            return ""
