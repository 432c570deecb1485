"""Checks sources of files: whether the files exist, and which columns they have."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from services.contract.spec import ColumnType, JobSpec, Kind, Relation
from services.worker.sources import errors
from services.worker.sources.check.nothing import read_nothing
from services.worker.sources.check.problems import Probe, Problem, problems
from services.worker.sources.files.introspect import relation_columns
from services.worker.sources.files.listing import place_of
from services.worker.sources.files.settings import FileSettings
from services.worker.sources.files.source import FileSource
from services.worker.sources.introspect.tables import LiveColumn
from services.worker.sources.stores.s3 import tls_words

_TEXT = ColumnType(Kind.TEXT)
"""Reported for columns that Arrow reads as durations and the file stores as numbers, since both can be exported."""


def check(settings: FileSettings, probes: Sequence[Probe]) -> list[Problem]:
    """See Access.check."""
    return list(problems(settings.id, lambda: _reached(settings), probes))


@contextmanager
def _reached(settings: FileSettings) -> Iterator["_Live"]:
    try:
        place_of(settings).paths("*")
    except OSError as error:
        raise errors.unavailable(settings.id, tls_words(error)) from error
    yield _Live(settings)


class _Live:
    """The problems.Live of a source of files."""

    def __init__(self, settings: FileSettings) -> None:
        self._settings = settings

    def columns(self, relation: Relation) -> Sequence[LiveColumn]:
        """See problems.Live."""
        columns = relation_columns(self._settings, relation.path)
        return [replace(each, type=_TEXT) if each.type.kind is Kind.DURATION else each for each in columns]

    def select(self, spec: JobSpec) -> None:
        """See problems.Live."""
        read_nothing(FileSource(self._settings, without_rows=True), spec)
