"""A source that is read many times over what was opened once, where tests differ in what they ask and not in opening.

To connect, or to start an engine, costs several times as much as to read a few rows.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from services.contract.spec import All, JobSpec
from services.worker.ports import Reading, Source
from services.worker.sources.files.listing import listed
from services.worker.sources.files.memory import MemoryLimits
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.files.source import Engine, connection
from services.worker.sources.files.whole import row_groups
from services.worker.sources.kind import SourceSettings
from services.worker.sources.limits import GuardedSource
from services.worker.sources.sources import Sources
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.postgres import reading as postgres
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.sqlite import reading as sqlite
from services.worker.sources.sql.sqlite.settings import SqliteSettings
from tests.integration.sources.source_specs import spec_of

Read = Callable[[JobSpec], AbstractContextManager[Reading]]


class _Kept:
    def __init__(self, read: Read) -> None:
        self.read = read


@contextmanager
def kept(settings: SourceSettings) -> Iterator[Source]:
    """The source of a whole table, or of all files of a folder, which do not change while it is open."""
    with ExitStack() as stack:
        yield GuardedSource(_Kept(_read(settings, stack)), b"")


class KeptSources:
    """Sources by name, each made and opened when it is first asked for, and open until the end of the context."""

    def __init__(self, made: Mapping[str, Callable[[Path], SourceSettings]], folder: Callable[[str], Path]) -> None:
        self._made = made
        self._folder = folder
        self._open = ExitStack()
        self._by_name: dict[str, tuple[SourceSettings, Source]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def __getitem__(self, name: str) -> tuple[SourceSettings, Source]:
        if name not in self._by_name:
            settings = self._made[name](self._folder(name))
            self._by_name[name] = settings, self._open.enter_context(kept(settings))
        return self._by_name[name]


def _read(settings: SourceSettings, stack: ExitStack) -> Read:
    match settings:
        case SqliteSettings():
            return _of_sqlite(settings, stack)
        case PostgresSettings():
            return _of_postgres(settings, stack)
        case OtherSqlSettings():  # DuckDB's engine is no one's that is asked twice: each reading brings it a function
            return Sources({settings.id: settings}).open_rows(spec_of(settings.kind, {}).source).read
        case ParquetSettings() | CsvSettings():
            return _of_files(settings, stack)
        case _:
            raise NotImplementedError(settings)


def _of_sqlite(settings: SqliteSettings, stack: ExitStack) -> Read:
    session = stack.enter_context(sqlite.connected(settings))

    @contextmanager
    def read(spec: JobSpec) -> Iterator[Reading]:
        try:
            yield sqlite.File(session, settings).snapshot(spec)
        finally:
            session.undo()

    return read


def _of_postgres(settings: PostgresSettings, stack: ExitStack) -> Read:
    session = stack.enter_context(postgres.connected(settings))

    @contextmanager
    def read(spec: JobSpec) -> Iterator[Reading]:
        try:
            yield postgres.Database(session, settings).snapshot(spec)
        finally:
            session.undo()

    return read


def _of_files(settings: ParquetSettings | CsvSettings, stack: ExitStack) -> Read:
    spec = spec_of(settings.kind, {})
    files, memory = listed(settings, spec.relation.path, All()), MemoryLimits()
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="files-")))

    def connected(most: str, threads: int) -> object:
        return stack.enter_context(connection(files, scratch, memory=most, threads=threads))

    duckdb = Engine(connected, 1, files, scratch, memory)  # type: ignore[arg-type]

    @contextmanager
    def read(spec: JobSpec) -> Iterator[Reading]:
        as_of = datetime.now(UTC)
        yield row_groups.opened(files, spec, as_of, memory) or duckdb.open(spec, as_of)

    return read
