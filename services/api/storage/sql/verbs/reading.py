"""Reads of single exports, for all callers that have gathered at once."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.api.domain.export import Export
from services.api.ports.exports import Placed
from services.api.storage.sql.places import Places
from services.api.storage.sql.prepared import Prepared, Values
from services.api.storage.sql.readers import MAX_TOGETHER
from services.api.storage.sql.rows import EXPORT_COLUMNS, to_export
from services.api.storage.sql.tables import exports
from services.api.storage.sql.verbs.known_exports import EDITION_COLUMNS, Edition, KnownExports


class Wanted(NamedTuple):
    """The export that a caller asks for."""

    tenant: str
    id: str


class ReadingVerbs:
    """The ListVerbs that read exports by their ids. The answer to what is not there is None.

    The database is always asked, since other processes may have changed an export. But its whole row is read only if it
    is not known in its current edition.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._known = KnownExports()

    def got(self, db: sa.Connection, wanted: Sequence[Wanted]) -> list[Export | None]:
        """Return the exports."""
        found = self._found(db, {*wanted})
        return [found.get(each) for each in wanted]

    def placed(self, db: sa.Connection, wanted: Sequence[Wanted]) -> list[Placed | None]:
        """Return the exports with their positions."""
        found = self._found(db, {*wanted})
        positions = self._places.of_each(db, [*found.values()])
        placed = {each: Placed(export, place) for (each, export), place in zip(found.items(), positions, strict=True)}
        return [placed.get(each) for each in wanted]

    def _found(self, db: sa.Connection, wanted: Collection[Wanted]) -> Mapping[Wanted, Export]:
        """Return those that are there. An export of another tenant is not what was wanted."""
        editions = (Edition(*record) for record in _editions.records(db, [each.id for each in wanted]))
        there = {Wanted(each.tenant, each.id): each for each in editions}
        found = {each: self._known.of(edition) for each, edition in there.items() if each in wanted}
        unknown = [each.id for each, export in found.items() if export is None]
        read = {Wanted(row["tenant"], row["id"]): to_export(row) for row in _rows.all(db, unknown)}
        for each, export in read.items():
            self._known.keep(there[each], export)
        return {each: export for each, export in (found | read).items() if export is not None}


class _ByIds:
    """A query for the exports with given ids, at most MAX_TOGETHER. It has no order."""

    def __init__(self, *columns: sa.ColumnElement[Any]) -> None:
        self._of_size = {size: _by_ids(columns, size) for size in (1, 4, 16, MAX_TOGETHER)}

    def all(self, db: sa.Connection, ids: Collection[str]) -> list[dict[str, Any]]:
        """Return the rows."""
        return self._sized(ids).all(db, self._filled(ids)) if ids else []

    def records(self, db: sa.Connection, ids: Collection[str]) -> list[tuple[Any, ...]]:
        """Return the rows as the driver gives them."""
        return self._sized(ids).records(db, self._filled(ids)) if ids else []

    def _sized(self, ids: Collection[str]) -> Prepared:
        return next(prepared for size, prepared in self._of_size.items() if size >= len(ids))

    def _filled(self, ids: Collection[str]) -> Values:
        """Return the parameters. Those that are left over are the first id once more."""
        return dict(zip(_NAMES, (*ids, *([*ids][:1] * MAX_TOGETHER)), strict=False))


_NAMES = tuple(f"id_{place}" for place in range(MAX_TOGETHER))


def _by_ids(columns: Sequence[sa.ColumnElement[Any]], size: int) -> Prepared:
    ids = [sa.bindparam(name, type_=sa.Text) for name in _NAMES[:size]]
    return Prepared(sa.select(*columns).where(exports.c.id.in_(ids), exports.c.deleted_time.is_(None)))


_editions = _ByIds(*EDITION_COLUMNS)
_rows = _ByIds(*EXPORT_COLUMNS)
