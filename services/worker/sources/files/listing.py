"""The files of a relation, fixed at the start of a reading, and how DuckDB is told to read them."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import assert_never

from services.contract.spec import Filter
from services.worker.sources import errors
from services.worker.sources.files import partitions
from services.worker.sources.files.place import Directory, Mark, Place
from services.worker.sources.files.settings import CsvSettings, FileSettings, ParquetSettings
from services.worker.sources.files.walk import FileRefused
from services.worker.sources.rows.conditions import literal
from services.worker.sources.stores.s3 import ObjectRoot

# Nothing is guessed. Quotes make the difference between an empty text and no value.
_CSV = (
    "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', "
    "allow_quoted_nulls = false, null_padding = false, strict_mode = true, ignore_errors = false, "
    "max_line_size = 67108864"
)


@dataclass(frozen=True, slots=True)
class Files:
    """Files that exist at a place, each with its mark as it was found, in the order of their rows; `relation` reads
    them in DuckDB. `partitioned`: some of their columns are in the names of folders.
    """

    settings: FileSettings
    place: Place
    marks: dict[str, Mark]
    relation: str
    partitioned: bool

    def unchanged(self) -> bool:
        """Whether every file is still the one that was found."""
        try:
            return self.place.marks(self.marks) == self.marks
        except OSError:
            return False


def listed(settings: FileSettings, pattern: str, filter_: Filter) -> Files:
    """The files that a path or glob names below the root, but for partitions in which no row can match.

    Raises SourceFailed when there is none.
    """
    try:
        place = place_of(settings)
        paths = sorted(place.paths(pattern), key=lambda path: path.split("/"))
        if not paths:
            raise errors.relation_missing(settings.id)
        paths = partitions.kept(paths, filter_, settings.time_zone)
        marks = place.marks(paths)
        partitioned = partitions.has_partitions(paths)
        relation = _relation(settings, place, paths, partitioned=partitioned)
        return Files(settings, place, marks, relation, partitioned)
    except FileRefused as refused:
        raise errors.file_refused(settings.id, refused.path, refused.why) from refused
    except OSError as error:
        raise errors.unavailable(settings.id) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise errors.relation_invalid(settings.id, settings.kind) from error


def place_of(settings: FileSettings) -> Place:
    """Where the files are. Raises OSError."""
    match settings.root:
        case Path():
            return Directory(settings.root, hard_links=settings.hard_links)
        case ObjectRoot():
            from services.worker.sources.files.remote import Objects  # noqa: PLC0415 - few sources are objects

            return Objects(settings.root)
        case _:
            assert_never(settings.root)


def _relation(settings: FileSettings, place: Place, paths: list[str], *, partitioned: bool) -> str:
    # The values of partitions stay text, which is typed as a column of text is.
    hive = "true, hive_types_autocast = false" if partitioned else "false"
    options = f"hive_partitioning = {hive}"
    match settings:
        case ParquetSettings():
            return _parquet(place, paths, options)
        case CsvSettings():
            return _csv(place, paths, f"{_CSV}, {options}")
        case _:
            assert_never(settings)


def _parquet(place: Place, paths: list[str], options: str) -> str:
    return f"select * from read_parquet({_names(place, paths)}, union_by_name = true, {options})"  # noqa: S608 - quoted


def _csv(place: Place, paths: list[str], options: str) -> str:
    # Columns go by name: each header has a reader of its own, for DuckDB would go by position. Files stay in order.
    return " union all by name ".join(
        f"select * from read_csv({_names(place, group)}, columns = {_columns(header)}, {options})"  # noqa: S608 - quoted
        for header, group in groupby(paths, lambda path: _header(place, path))
    )


def _header(place: Place, path: str) -> tuple[str, ...]:
    with place.opened(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        return tuple(next(csv.reader(text, strict=True), ()))


def _columns(header: tuple[str, ...]) -> str:
    """DuckDB's columns, which must differ: of several alike the first keeps the name, the others get their place."""
    names: dict[str, str] = {}
    for place, name in enumerate(header or ("",)):
        unique = name if name and name.casefold() not in names else f"{name}\N{NO-BREAK SPACE}{place}"
        names[unique.casefold()] = unique
    return "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names.values()) + "}"


def _names(place: Place, paths: Iterable[str]) -> str:
    return "[" + ", ".join(literal(place.name(path)) for path in paths) + "]"
