"""The files of a relation, fixed at the start of a reading, and how DuckDB is told to read them."""

import csv
import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from services.worker.sources import errors
from services.worker.sources.conditions import literal
from services.worker.sources.folder import beneath, is_plain
from services.worker.sources.settings import SourceSettings

# Nothing is guessed. Quotes make the difference between an empty text and no value.
_CSV = (
    "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', "
    "allow_quoted_nulls = false, null_padding = false, strict_mode = true, ignore_errors = false, "
    "hive_partitioning = false, max_line_size = 67108864"
)


@dataclass(frozen=True, slots=True)
class Files:
    """Files that exist, by their real paths, each with its size and times as they were found."""

    source_id: str
    kind: str
    root: Path
    marks: dict[Path, tuple[int, ...]]
    relation: str

    @property
    def allowed(self) -> str:
        """The directory that DuckDB may read, as SQL."""
        return literal(f"{self.root}{os.sep}")

    def unchanged(self) -> bool:
        """Whether every file is still the one that was found."""
        try:
            return all(_mark(path) == mark for path, mark in self.marks.items())
        except OSError:
            return False


def listed(settings: SourceSettings, pattern: str) -> Files:
    """The regular files that a path or glob names below the root. Raises SourceFailed when there is none."""
    try:
        root = Path(os.path.realpath(settings.path, strict=True))
        paths = sorted(set(_matching(root, pattern)))
        marks = {path: _mark(path) for path in paths}
        if not paths:
            raise errors.relation_missing(settings.id)
        relation = _csv(paths) if settings.kind == "csv" else _parquet(paths)
        return Files(settings.id, settings.kind, root, marks, relation)
    except OSError as error:
        raise errors.unavailable(settings.id) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise errors.relation_invalid(settings.id, settings.kind) from error


def _matching(root: Path, pattern: str) -> Iterator[Path]:
    if not is_plain(pattern):
        return
    for found in root.glob(pattern):
        real = beneath(root, str(found.relative_to(root)))
        if real is not None and real.is_file():
            yield real


def _mark(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _parquet(paths: list[Path]) -> str:
    return f"select * from read_parquet({_names(paths)}, union_by_name = true, hive_partitioning = false)"  # noqa: S608


def _csv(paths: list[Path]) -> str:
    # Columns go by name: each header has a reader of its own, for DuckDB would go by position. Files stay in order.
    return " union all by name ".join(
        f"select * from read_csv({_names(list(group))}, columns = {_columns(header)}, {_CSV})"  # noqa: S608 - quoted
        for header, group in groupby(paths, _header)
    )


def _header(path: Path) -> tuple[str, ...]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return tuple(next(csv.reader(file, strict=True), ()))


def _columns(header: tuple[str, ...]) -> str:
    """DuckDB's columns, which must differ: of several alike the first keeps the name, the others get their place."""
    names: dict[str, str] = {}
    for place, name in enumerate(header or ("",)):
        unique = name if name and name.casefold() not in names else f"{name}\N{NO-BREAK SPACE}{place}"
        names[unique.casefold()] = unique
    return "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names.values()) + "}"


def _names(paths: list[Path]) -> str:
    return "[" + ", ".join(literal(glob.escape(str(path))) for path in paths) + "]"
