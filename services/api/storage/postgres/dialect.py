"""Statements in the dialect of PostgreSQL."""

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from services.api.storage.postgres.texts import JsonText
from services.api.storage.sql.column_types import JsonType
from services.api.storage.sql.database import Columns
from services.api.storage.sql.prepared import execute, fetch_all

LOCKS = 0x65787064
"""The first number of all advisory locks of exportd. Other programs in the same database have other ones."""

CLAIMING, MIGRATING = -1, -2
"""The second number of the locks that do not belong to a tenant."""

TENANTS_LOCKS = 512
"""How many locks all tenants share, so that a transaction over many tenants does not fill the server's lock table."""


class _Xid(sa.types.UserDefinedType[int]):
    """The type of transaction ids."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid"


_keep = "SELECT pg_advisory_xact_lock_shared(%s, key) FROM unnest(%s::int[]) AS key"
_leave = "SELECT key, pg_try_advisory_xact_lock(%s, key) FROM unnest(%s::int[]) AS key"
_take = "SELECT pg_advisory_xact_lock(%s, %s)"


_oldest = sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot())
_oldest_number = sa.cast(sa.cast(_oldest, sa.Text), sa.BigInteger)
# The age of a transaction is counted from the next one. The end of the snapshot would not do: that is the last
# transaction that is over, and later ones may be in progress.
_age = sa.func.age(sa.cast(_oldest, _Xid))
_HORIZON = (
    sa.cast(sa.func.pg_postmaster_start_time(), sa.Text).label("server"),
    _oldest_number.label("oldest"),
    (_oldest_number + _age).label("next"),
    sa.func.pg_current_xact_id_if_assigned().is_(None).label("is_unwritten"),
)


class PostgresDialect:
    """The Dialect of PostgreSQL."""

    one_writer = False
    horizon: Sequence[sa.ColumnElement[Any]] = _HORIZON

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
        given = sa.cast(sa.bindparam(name, type_=JsonText), JSONB)
        each = sa.func.jsonb_array_elements(given).table_valued(sa.column("value", JSONB))
        values = (
            _value(each.c.value, place, type_).label(column) for place, (column, type_) in enumerate(types.items())
        )
        return sa.select(*values).select_from(each).subquery(f"{name}_rows")

    def insert_or_keep(self, table: sa.Table) -> sa.Insert:
        return insert(table).on_conflict_do_nothing()

    def appended(self, list_: sa.ColumnElement[Any], max_entries: int, **entry: Any) -> sa.ColumnElement[Any]:
        fields: list[Any] = []
        for name, value in entry.items():
            fields += [sa.literal_column(f"'{name}'"), value]
        is_full = sa.func.jsonb_array_length(list_) >= max_entries
        without_first = list_.op("-", return_type=JSONB())(sa.literal_column("0"))
        room = sa.case((is_full, without_first), else_=list_)
        new = sa.func.jsonb_build_array(sa.func.jsonb_build_object(*fields))
        return sa.type_coerce(room, JSONB()).op("||", return_type=JSONB())(new)

    def holds(self, object_: sa.ColumnElement[Any], texts: Mapping[str, str]) -> sa.ColumnElement[bool]:
        return sa.type_coerce(object_, JSONB()).contains(dict(texts))

    def keep_in_line(self, db: sa.Connection, tenants: Collection[str]) -> None:
        """Take a lock that is shared with other transactions that do the same; see Dialect."""
        if tenants:
            execute(db, _keep, (LOCKS, sorted({_key(tenant) for tenant in tenants})))

    def may_leave_line(self, db: sa.Connection, tenants: Collection[str]) -> Collection[str]:
        """Try to take the exclusive lock, without waiting: a transaction that holds locks must not wait here."""
        if not tenants:
            return ()
        keys = sorted({_key(tenant) for tenant in tenants})
        got = {key for key, is_ours in execute(db, _leave, (LOCKS, keys), fetch_all) if is_ours}
        return [tenant for tenant in tenants if _key(tenant) in got]


def take_turn(db: sa.Connection) -> None:
    """Take the lock for claims, until the end of the transaction: claims of all processes run one after the other."""
    lock(db, CLAIMING)


def lock(db: sa.Connection, key: int) -> None:
    """Wait for one of exportd's locks and hold it until the end of the transaction."""
    db.exec_driver_sql(_take, (LOCKS, key))


def _key(tenant: str) -> int:
    return zlib.crc32(tenant.encode()) % TENANTS_LOCKS


def _value(row: sa.ColumnElement[Any], place: int, type_: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    at: sa.ColumnElement[Any] = sa.literal_column(str(place))
    if isinstance(type_, JsonType):
        return sa.type_coerce(sa.func.nullif(row.op("->")(at), sa.literal_column("'null'::jsonb")), type_)
    return sa.cast(row.op("->>")(at), type_)
