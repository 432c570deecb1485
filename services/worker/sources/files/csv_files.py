"""CSV files as parts of a relation. Each file is read by its own header, and nothing is guessed."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import assert_never

from services.worker.sources import errors
from services.worker.sources.duckdb.types import Stored
from services.worker.sources.files import csv_faults, csv_header, partitions
from services.worker.sources.files.csv_copies import Copies
from services.worker.sources.files.csv_header import Header, HeaderFaulty
from services.worker.sources.files.listing import Files, hive_options, listed_names
from services.worker.sources.files.relation import Part
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.files.walk import FileRefused
from services.worker.sources.rows.columns import place_of
from services.worker.sources.rows.conditions import literal, quoted

# Nothing is guessed. Quotes distinguish an empty text from a null.
_STRICT = (
    "auto_detect = false, allow_quoted_nulls = false, null_padding = false, strict_mode = true, "
    "ignore_errors = false, max_line_size = 67108864"
)
_Shape = tuple[Header, tuple[str, ...]]
"""A header, and the columns that are in the names of folders."""


def csv_files_of(files: Files, scratch: Path) -> "CsvFiles | None":
    """Return the files as CSV files, with copies in `scratch` where they are needed; None for files of another kind."""
    match files.settings:
        case CsvSettings():
            return CsvFiles(files, files.settings, Copies(files.place, files.settings.encoding, scratch / "csv"))
        case ParquetSettings():
            return None
        case _:
            assert_never(files.settings)


class CsvFiles:
    """The CSV files of a relation."""

    def __init__(self, files: Files, settings: CsvSettings, copies: Copies) -> None:
        self._files = files
        self._settings = settings
        self._copies = copies
        self._headers: dict[str, Header] = {}

    def parts(self, used: Sequence[str]) -> list[Part]:
        """Return the files in order, with neighbours that share a header joined into one part.

        Raises SourceFailed or OSError.
        """
        for path in self._files.marks:
            if self.header(path).is_broken:  # DuckDB would expect this line break after each row, and find no rows
                self._even(path)
        shapes = groupby(self._files.marks, lambda path: (self.header(path), partitions.names(path)))
        return [self._part(list(paths), shape, used) for shape, paths in shapes]

    def whole(self) -> str:
        """Return a relation of all columns of the files by name. Raises SourceFailed or OSError.

        Of names that differ by case only, the first one is used. A name that occurs twice in a file is left out.
        """
        folders = dict.fromkeys(name for path in self._files.marks for name in partitions.names(path))
        used = list(dict.fromkeys([*(n for path in self._files.marks for n in self._names(path)), *folders]))
        selects = (
            f"select {', '.join(f'{c.sql} as {quoted(name)}' for name, c in part.columns.items())} from {part.rows}"  # noqa: S608
            for part in self.parts(used)
        )
        return f"({' union all by name '.join(selects)})"

    def _names(self, path: str) -> list[str]:
        names = self.header(path).columns
        folded = [name.casefold() for name in names]
        first = (name for place, name in enumerate(names) if folded.index(folded[place]) == place)
        return [name for name in first if names.count(name) == 1]

    def header(self, path: str) -> Header:
        """Return the header of one file. Raises SourceFailed or OSError."""
        if path not in self._headers:
            self._headers[path] = self._header(path)
        return self._headers[path]

    def _header(self, path: str) -> Header:
        try:
            with self._copies.opened(path) as file:
                return csv_header.read(file, path, self._settings)
        except HeaderFaulty as faulty:
            raise errors.file_refused(self._settings.id, path, faulty.why) from faulty
        except FileRefused as refused:
            raise errors.file_refused(self._settings.id, path, refused.why) from refused

    def missing_hint(self) -> str:
        """Return what the header of the first file suggests about missing columns. Empty when it suggests nothing."""
        path = next(iter(self._files.marks))
        return csv_header.delimiter_hint(self.header(path), path)

    def mended(self, failed: errors.SourceFailed) -> bool:
        """Make copies of the files with different line ends, and return whether reading again may succeed.

        In such files DuckDB reports faults of any kind. Raises SourceFailed or OSError.
        """
        return csv_faults.fault(str(failed.__cause__)) is not None and self._mixing_evened()

    def _mixing_evened(self) -> bool:
        mixing = [path for path in self._files.marks if not self.header(path).is_made and self._copies.mixes(path)]
        for path in mixing:
            self._even(path)
        return bool(mixing)

    def _even(self, path: str) -> None:
        header = self.header(path)
        if not header.is_made:
            self._copies.even(path, header, self._settings.quote)
            self._headers[path] = header.of_copy()

    def fault(self, error: Exception) -> errors.SourceFailed | None:
        """Return what is wrong with a file, and where. None when the error does not say."""
        fault = csv_faults.fault(str(error))
        path = self._copies.path_of(fault.file, self._files.marks) if fault else None
        if fault is None or path is None:
            return None
        header = self.header(path)
        line = fault.line + header.lines if fault.line and header.is_made else fault.line
        return errors.file_faulty(self._settings.id, path, line, fault.why)

    def _part(self, paths: list[str], shape: _Shape, used: Sequence[str]) -> Part:
        header, folders = shape
        words = csv_header.unique(header.columns)
        names = [*header.columns, *folders]
        sql = [*map(quoted, words), *map(quoted, folders)]
        open_ = [place for place, name in enumerate(names) if place >= len(words) or name.casefold() not in folders]
        candidates = [names[place] for place in open_]
        meant = ((name, place_of(name, candidates)) for name in used)
        columns = {name: Stored(sql[open_[place]], "VARCHAR") for name, place in meant if place is not None}
        return Part(self._reader(paths, header, words), columns)

    def _reader(self, paths: Iterable[str], header: Header, words: Iterable[str]) -> str:
        columns = "{" + ", ".join(f"{literal(word)}: 'VARCHAR'" for word in words) + "}"
        options = f"{_STRICT}, {self._dialect(header)}, {hive_options(self._files)}"
        return f"read_csv({listed_names(map(self._copies.name, paths))}, columns = {columns}, {options})"

    def _dialect(self, header: Header) -> str:
        quote = literal(self._settings.quote)
        nulls = f"[{', '.join(map(literal, self._settings.null))}]"
        has_header = str(self._settings.header or header.is_made).lower()
        return (
            f"header = {has_header}, skip = {header.skip}, delim = {literal(header.delimiter)}, "
            f"quote = {quote}, escape = {quote}, nullstr = {nulls}"
        )
