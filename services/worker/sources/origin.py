"""Resolves what a file of sources refers to: relative paths, and secrets that are kept elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.runtime.secret_text.reading import SecretUnreadable, first_line, of_command
from services.runtime.toml import Table

_REFERENCE = '{ env = "NAME" }, { file = "PATH" } or { command = "PROGRAM WORDS" }'


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of a file of sources: `base` is the folder of relative paths, `environ` has the environment variables.

    A secret that cannot be read is noted in its table and returned as empty. Notes never repeat a secret.
    """

    base: Path
    environ: Mapping[str, str] = field(repr=False)

    def path(self, text: str) -> Path:
        """Return a path of the file, relative to `base`."""
        return self.base / text

    def secret(self, table: Table, key: str) -> str:
        """Read the secret of a key: `"text"`, or a reference as in `kept`."""
        value = table.value(key)
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            return self.kept(table, key, value)
        table.wrong(key, f"must be text, {_REFERENCE}")
        return ""

    def kept_secret(self, table: Table, key: str) -> str:
        """Like `secret`, but the secret must not be in the file itself."""
        value = table.value(key)
        if isinstance(value, dict):
            return self.kept(table, key, value)
        table.wrong(key, f"must be {_REFERENCE}")
        return ""

    def kept(self, table: Table, key: str, reference: Mapping[str, object]) -> str:
        """Read the secret that `{ env = "NAME" }`, `{ file = "PATH" }` or `{ command = "PROGRAM WORDS" }` refers to.

        White space around a file's content is removed. Of what a command prints, the first line counts.
        """
        ways = {"env": self._of_variable, "file": self._of_file, "command": self._of_command}
        way, name = next(iter(reference.items()), ("", None))
        if way not in ways or len(reference) > 1 or not isinstance(name, str):
            table.wrong(key, f"must be {_REFERENCE}")
            return ""
        return ways[way](table, key, name)

    def _of_variable(self, table: Table, key: str, name: str) -> str:
        secret = self.environ.get(name, "")
        if not secret:
            table.wrong(key, f"the environment has no {name}")
        return secret

    def _of_command(self, table: Table, key: str, command: str) -> str:
        try:
            return first_line(of_command(command))
        except SecretUnreadable as unreadable:
            table.wrong(key, f"its command: {unreadable}")
            return ""

    def _of_file(self, table: Table, key: str, path: str) -> str:
        try:
            return self.path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            table.wrong(key, f"the file {path} cannot be read as text")
            return ""
