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
    """The files of a relation in the order of their rows, each with its mark at the time of listing.

    `partitioned`: some of their columns are in the names of folders.
    """

    settings: FileSettings
    place: Place
    marks: dict[str, Mark]
    partitioned: bool

    def unchanged(self) -> bool:
        """Whether no file has changed since it was listed."""
        try:
            return self.place.marks(self.marks) == self.marks
        except OSError:
            return False

    def names(self, paths: Iterable[str]) -> str:
        """Return these paths as a list in SQL."""
        return listed_names(self.place.name(path) for path in paths)


def listed_names(names: Iterable[str]) -> str:
    """Return names of files as a list in SQL."""
    return f"[{', '.join(map(literal, names))}]"


def hive_options(files: Files) -> str:
    """Return DuckDB's options for columns in the names of folders.

    Their values stay text and are converted like other texts.
    """
    return f"hive_partitioning = {'true, hive_types_autocast = false' if files.partitioned else 'false'}"


def listed(settings: FileSettings, pattern: str, filter_: Filter) -> Files:
    """List the files below the root that a path or a glob names, without partitions in which no row can match.

    Raises SourceFailed when there is no file.
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
    """Return the place of the files. Raises OSError."""
    match settings.root:
        case Path():
            return Directory(settings.root, hard_links=settings.hard_links)
        case ObjectRoot():
            from services.worker.sources.files.remote import Objects  # noqa: PLC0415 - few workers have object stores

            return Objects(settings.root)
        case _:
            assert_never(settings.root)
