"""Settings files in TOML. A file is read completely, or refused with all its mistakes.

A reader takes a `document` and reads it through `Table`s, which note mistakes and continue. At the end it raises
FileError if there were any.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import tomli  # the compiled tomllib: three times as fast

from services.runtime.nearest import hint, nearest
from services.runtime.startup import CannotStart

_NUL = "\0"
_ESCAPE = "\\"
"""TOML has no other way to write a control character."""
_HOLDS_NUL = "holds the character NUL, which no text here may hold"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in a file.

    `table` is as in the file, empty for the whole file. `message` says what is wrong and what is allowed.
    """

    table: str
    key: str
    message: str

    def __str__(self) -> str:
        line = " ".join(part for part in (self.table, self.key and f"{self.key}:", self.message) if part)
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)  # a name may contain any characters


class FileError(CannotStart):
    """A file cannot be used. The message names the file and its mistakes, one per line."""

    def __init__(self, file: Path, mistakes: Iterable[Mistake]) -> None:
        self.file = file
        self.mistakes = tuple(mistakes)
        count = f"{len(self.mistakes)} mistake{'s' if len(self.mistakes) > 1 else ''}"
        super().__init__("\n  ".join([f"{file} has {count}:", *map(str, self.mistakes)]))


def document(file: Path) -> dict[str, object]:
    """Read a TOML file. Raises FileError when it is not valid TOML, or when a text in it contains NUL."""
    try:
        text = file.read_text(encoding="utf-8")
        content = tomli.loads(text)
        mistakes = [*_with_nul("", "", content)] if _ESCAPE in text else []
    except OSError as error:
        raise FileError(file, [Mistake("", "", f"cannot be read: {error.strerror}")]) from error
    except ValueError as error:  # errors of TOML and of UTF-8
        raise FileError(file, [Mistake("", "", f"is not TOML in UTF-8: {error}")]) from error
    except RecursionError:
        raise FileError(file, [Mistake("", "", "has values nested too deeply")]) from None
    if mistakes:
        raise FileError(file, mistakes)
    return content


def _with_nul(table: str, key: str, value: object) -> Iterator[Mistake]:
    """Yield mistakes for texts and keys with NUL.

    Databases, file systems and drivers ignore or refuse what follows a NUL. `table` is with its brackets; empty for the
    root.
    """
    if isinstance(value, str):
        if _NUL in value:
            yield Mistake(table, key, _HOLDS_NUL)
    elif isinstance(value, list):
        for number, each in enumerate(value, 1):
            listed = isinstance(each, dict)
            yield from _with_nul(f"[{_below(table, key)}] no. {number}" if listed else table, key * (not listed), each)
    elif isinstance(value, dict):
        inside = _below(table, key) if key else table
        for name, each in value.items():
            if _NUL in name:
                yield Mistake(inside, name, _HOLDS_NUL)
            yield from _with_nul(inside, name, each)


def _below(table: str, key: str) -> str:
    """Return the name of the table `key` inside another one."""
    if not table:
        return f"[{key}]"
    return f"[{table[1:-1]}.{key}]" if table.endswith("]") else f"{table} {key}"


class Table:
    """A table. Its getters note a mistake in `mistakes` and then return an empty value or the default."""

    def __init__(self, name: str, content: object, keys: Iterable[str] | None, mistakes: list[Mistake]) -> None:
        """`name` is as in the file, with its brackets. Keys that are not in `keys` are noted; None: see `allow`."""
        self.name = name
        self._mistakes = mistakes
        self._content: Mapping[str, object] = content if isinstance(content, dict) else {}
        if keys is not None:
            self.allow(keys)
        if not isinstance(content, dict):
            self.wrong("", "this is not a table")
            self._mistakes = []  # mistakes that follow from this one are not reported

    def allow(self, keys: Iterable[str]) -> None:
        """Note keys that are not in `keys`. For readers that must read some keys to know which others are allowed."""
        allowed = [*keys]
        for key in self._content:
            if key not in allowed:
                meant = nearest(key, allowed)
                known = f"did you mean {meant}?" if meant else f"allowed: {', '.join(allowed)}"
                self.wrong(key, f"unknown key; {known}")

    def wrong(self, key: str, message: str) -> None:
        """Note a mistake."""
        self._mistakes.append(Mistake(self.name, key, message))

    def has(self, key: str) -> bool:
        """Whether the key is present, valid or not."""
        return key in self._content

    def value(self, key: str) -> object:
        """Return the value, whatever its type; None when the key is absent."""
        return self._content.get(key)

    def names(self) -> list[str]:
        """Return the keys that are present."""
        return [*self._content]

    def sub(self, key: str, keys: Iterable[str] | None) -> "Table":
        """Return the table at `key`; an empty one when it is absent."""
        above = f"{self.name[1:-1]}." if self.name else ""
        return Table(f"[{above}{key}]", self._content.get(key, {}), keys, self._mistakes)

    def text(self, key: str, default: str | None = None) -> str:
        """Read a text that is not blank. Without a `default` the key is required."""
        value = self._content.get(key, default)
        if isinstance(value, str) and (value.strip() or value == default):
            return value
        self.wrong(key, "is missing" if value is None else "must be a text that is not empty")
        return ""

    def flag(self, key: str, *, default: bool) -> bool:
        """Read a boolean."""
        value = self._content.get(key, default)
        if not isinstance(value, bool):
            self.wrong(key, "must be true or false")
        return value is True

    def number(self, key: str, default: int, allowed: range) -> int:
        """Read an integer in `allowed`."""
        value = self._content.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or (key in self._content and value not in allowed):
            self.wrong(key, f"must be a whole number from {allowed.start} to {allowed.stop - 1}")
            return default
        return value

    def real(self, key: str, default: float, least: float, most: float) -> float:
        """Read a number from `least` to `most`, with or without decimals."""
        value = self._content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not self._fits(key, value, least, most):
            self.wrong(key, f"must be a number from {least:.10g} to {most:.10g}")
            return default
        return float(value)

    def pairs(self, key: str) -> dict[str, str]:
        """Read a table of texts by their names; empty when the key is absent."""
        named = self.named(key)
        if not all(isinstance(text, str) and text.strip() for text in named.values()):
            self.wrong(key, "must be a table of texts that are not empty")
            return {}
        return {name: str(text) for name, text in named.items()}

    def texts(self, key: str, *, needed: bool) -> tuple[str, ...]:
        """Read a list of distinct texts. A single text is a list of one."""
        value = self._content.get(key, [])
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(t, str) and t.strip() for t in texts):
            self.wrong(key, "must be a list of texts that are not empty")
            return ()
        if needed and not texts:
            self.wrong(key, "needs at least one" if key in self._content else "is missing")
        if len(set(texts)) < len(texts):
            self.wrong(key, "has the same entry twice")
        return tuple(dict.fromkeys(texts))

    def choice(self, key: str, known: Iterable[str], default: str | None = None) -> str:
        """Read one of `known`. Without a `default` the key is required."""
        value = self.text(key, default)
        if value and value not in (allowed := [*known]):
            self.wrong(key, f'"{value}" is not known; {hint(value, allowed)}')
            return ""
        return value

    def named(self, key: str) -> dict[str, object]:
        """Return the tables at `key` by their names; empty when the key is absent."""
        value = self._content.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, "must be a table of tables")
            return {}
        return value

    def listed(self, key: str) -> list[object]:
        """Return the tables of the list `key`, which needs at least one."""
        value = self._content.get(key, [])
        if not isinstance(value, list):
            self.wrong(key, "must be a list of tables")
            return []
        if not value:
            self.wrong(key, "needs at least one")
        return value

    def _fits(self, key: str, value: float, least: float, most: float) -> bool:
        return key not in self._content or least <= value <= most  # NaN is not
