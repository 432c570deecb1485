"""Statements in the dialect of SQLite."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from services.api.storage.sql.database import Columns


class SqliteDialect:
    """The Dialect of SQLite."""

    one_writer = True
    horizon: Sequence[sa.ColumnElement[Any]] = ()

    def insert_or_set(
        self, table: sa.Table, set_: Sequence[str], when: sa.ColumnElement[bool] | None = None
    ) -> sa.Insert:
        new = insert(table)
        taken = {name: new.excluded[name] for name in set_}
        return new.on_conflict_do_update(index_elements=[*table.primary_key], set_=taken, where=when)

    def insert_or_merge(
        self,
        table: sa.Table,
        merged: Callable[[Columns], Mapping[str, Any]],
        when: Callable[[Columns], sa.ColumnElement[bool]] | None = None,
    ) -> sa.Insert:
        new = insert(table)
        where = None if when is None else when(new.excluded)
        return new.on_conflict_do_update(index_elements=[*table.primary_key], set_=merged(new.excluded), where=where)

    def rows_given(self, name: str, types: Mapping[str, sa.types.TypeEngine[Any]]) -> sa.FromClause:
        each = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("value")
        values = (
            sa.type_coerce(sa.func.json_extract(each.c.value, f"$[{place}]"), type_).label(column)
            for place, (column, type_) in enumerate(types.items())
        )
        return sa.select(*values).select_from(each).subquery(f"{name}_rows")

    def keep_in_line(self, db: sa.Connection, tenants: Collection[str]) -> None:
        """Do nothing: there are no other writers."""

    def may_leave_line(self, db: sa.Connection, tenants: Collection[str]) -> Collection[str]:  # noqa: ARG002
        return tenants

    def insert_or_keep(self, table: sa.Table) -> sa.Insert:
        return insert(table).on_conflict_do_nothing()

    def appended(self, list_: sa.ColumnElement[Any], max_entries: int, **entry: Any) -> sa.ColumnElement[Any]:
        fields = [part for name, value in entry.items() for part in (name, value)]
        is_full = sa.func.json_array_length(list_) >= max_entries
        room = sa.case((is_full, sa.func.json_remove(list_, "$[0]")), else_=list_)
        return sa.func.json_insert(room, "$[#]", sa.func.json_object(*fields))

    def holds(self, object_: sa.ColumnElement[Any], texts: Mapping[str, str]) -> sa.ColumnElement[bool]:
        entries = sa.func.json_each(object_).table_valued("key", "value")
        pairs = sa.tuple_(entries.c.key, entries.c.value).in_([*texts.items()])
        return sa.select(sa.func.count()).select_from(entries).where(pairs).scalar_subquery() == len(texts)
