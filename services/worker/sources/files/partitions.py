"""Hive partitions: folders named `column=value`. Their files are not opened if the filter excludes the value."""

from collections.abc import Sequence
from urllib.parse import unquote

import pyarrow as pa

from services.contract.spec import Filter, Invalid, Term
from services.worker.sources.rows import filtering
from services.worker.sources.rows.columns import only, terms
from services.worker.sources.rows.invalid import Typed, typed

_NULL = "__HIVE_DEFAULT_PARTITION__"


def has_partitions(paths: Sequence[str]) -> bool:
    """Whether any of the relative paths is in a partition."""
    return any(_values(path) for path in paths)


def names(path: str) -> tuple[str, ...]:
    """Return the columns that are in the names of a path's folders, in lower case."""
    return tuple(_values(path))


def kept(paths: Sequence[str], filter_: Filter, time_zone: str) -> list[str]:
    """Return the files that may have rows that match, in the same order.

    If there are none, return the first, which has the columns. A folder's value that is not of its column's type may
    match; that is decided when the rows are read.
    """
    values = [_values(path) for path in paths]
    everywhere = set.intersection(*map(set, values)) if values else set()
    decided = only(filter_, lambda term: term.column.casefold() in everywhere)
    columns = {(term.column, term.type): _column(term, values, time_zone) for term in terms(decided)}
    refusing = {(term.column, term.type) for term in terms(decided) if term.policy is Invalid.REFUSE}
    may_match = filtering.matches(decided, columns, len(paths), comparing=refusing).to_pylist()
    return [path for path, matches in zip(paths, may_match, strict=True) if matches] or list(paths[:1])


def _values(path: str) -> dict[str, str | None]:
    """Return the texts by the column's name in lower case; None is null."""
    pairs = [folder.split("=") for folder in path.split("/")[:-1]]
    return {pair[0].casefold(): _decoded(pair[1]) for pair in pairs if len(pair) == 2 and pair[0]}  # noqa: PLR2004


def _decoded(text: str) -> str | None:
    return None if text == _NULL else unquote(text)


def _column(term: Term, values: Sequence[dict[str, str | None]], time_zone: str) -> Typed:
    texts = pa.array([each[term.column.casefold()] for each in values], pa.large_string())
    return typed(texts, term.type, time_zone=time_zone)
