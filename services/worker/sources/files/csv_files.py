"""CSV files as parts of a relation: each by its own header, and nothing guessed."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from services.worker.sources import errors
from services.worker.sources.duckdb.types import Stored
from services.worker.sources.files import csv_faults, csv_header, partitions
from services.worker.sources.files.csv_copies import Copies
from services.worker.sources.files.csv_header import Header, HeaderFaulty
from services.worker.sources.files.listing import Files, hive_options, listed_names
from services.worker.sources.files.relation import Part
from services.worker.sources.files.settings import CsvSettings
from services.worker.sources.files.walk import FileRefused
from services.worker.sources.rows.columns import place_of
from services.worker.sources.rows.conditions import literal, quoted

# Nothing is guessed. Quotes make the difference between an empty text and no value.
_STRICT = (
    "auto_detect = false, allow_quoted_nulls = false, null_padding = false, strict_mode = true, "
    "ignore_errors = false, max_line_size = 67108864"
)
_NEW_LINE = {"\r\n": r"'\r\n'", "\n": r"'\n'", "\r": r"'\r'"}
"""In the words of DuckDB, with backslashes."""
_Shape = tuple[Header, tuple[str, ...]]
"""A header, and the columns that are in the names of folders."""


class CsvFiles:
    """The CSV files of a relation."""

    def __init__(self, files: Files, settings: CsvSettings, copies: Copies) -> None:
        self._files = files
        self._settings = settings
        self._copies = copies

    def parts(self, used: Sequence[str]) -> list[Part]:
        """The files in their order, neighbours with one header together. Raises SourceFailed, OSError."""
        shapes = groupby(self._files.marks, lambda path: (self.header(path), partitions.names(path)))
        return [self._part(list(paths), shape, used) for shape, paths in shapes]

    def header(self, path: str) -> Header:
        """That of one file. Raises SourceFailed, OSError."""
        try:
            with self._copies.opened(path) as file:
                return csv_header.read(file, path, self._settings)
        except HeaderFaulty as faulty:
            raise errors.file_refused(self._settings.id, path, faulty.why) from faulty
        except FileRefused as refused:
            raise errors.file_refused(self._settings.id, path, refused.why) from refused

    def missing_hint(self) -> str:
        """What the header of the first file says about columns that are missing; empty for nothing."""
        path = next(iter(self._files.marks))
        return csv_header.delimiter_hint(self.header(path), path)

    def even(self) -> bool:
        """Have copies with one sort of line end read of the files that mix them; whether there are any."""
        mixing = [path for path in self._files.marks if self._copies.mixes(path)]
        for path in mixing:
            self._copies.even(path, self.header(path).delimiter, self._settings.quote)
        return bool(mixing)

    def fault(self, error: Exception) -> errors.SourceFailed | None:
        """What is wrong with a file, and where; None when the error does not say."""
        fault = csv_faults.fault(str(error))
        path = self._copies.path_of(fault.file, self._files.marks) if fault else None
        return errors.file_faulty(self._settings.id, path, fault.line, fault.why) if fault and path else None

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
        has_header = str(self._settings.header).lower()
        # Told nothing, DuckDB goes by the first line break of all, which may be inside of a name, and then finds no row.
        new_line = f", new_line = {_NEW_LINE[header.line_end]}" if header.line_end else ""
        return (
            f"header = {has_header}, skip = {header.skip}, delim = {literal(header.delimiter)}, "
            f"quote = {quote}, escape = {quote}, nullstr = {nulls}{new_line}"
        )
