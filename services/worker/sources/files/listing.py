"""The files of a relation, fixed at the start of a reading."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from services.contract.spec import Filter
from services.worker.sources import errors
from services.worker.sources.files import partitions
from services.worker.sources.files.place import Directory, Mark, Place
from services.worker.sources.files.settings import FileSettings
from services.worker.sources.files.walk import FileRefused
from services.worker.sources.rows.conditions import literal
from services.worker.sources.stores.s3 import ObjectRoot, tls_words


@dataclass(frozen=True, slots=True)
class Files:
    """Files that exist at a place, each with its mark as it was found, in the order of their rows. `partitioned`: some
    of their columns are in the names of folders.
    """

    settings: FileSettings
    place: Place
    marks: dict[str, Mark]
    partitioned: bool

    def unchanged(self) -> bool:
        """Whether every file is still the one that was found."""
        try:
            return self.place.marks(self.marks) == self.marks
        except OSError:
            return False

    def names(self, paths: Iterable[str]) -> str:
        """Some of them as a list of SQL."""
        return listed_names(self.place.name(path) for path in paths)


def listed_names(names: Iterable[str]) -> str:
    """Names of files as a list of SQL."""
    return f"[{', '.join(map(literal, names))}]"


def hive_options(files: Files) -> str:
    """How DuckDB is told about columns in the names of folders: their values stay text, typed as text is."""
    return f"hive_partitioning = {'true, hive_types_autocast = false' if files.partitioned else 'false'}"


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
        return Files(settings, place, place.marks(paths), partitions.has_partitions(paths))
    except FileRefused as refused:
        raise errors.file_refused(settings.id, refused.path, refused.why) from refused
    except OSError as error:
        raise errors.unavailable(settings.id, tls_words(error)) from error


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
