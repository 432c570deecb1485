"""The rows of several files as one relation `r`, with the columns that a spec uses and unchanged values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.contract.spec import ColumnType, JobSpec, Kind
from services.worker.sources.duckdb.types import LENGTH, WHOLE, Columns, Stored, text, typed, widened
from services.worker.sources.files.settings import FileSettings
from services.worker.sources.rows.columns import named, order_types

_AS_THEY_ARE = frozenset({Kind.TEXT, Kind.TIME, Kind.TIMESTAMP, Kind.DURATION, Kind.JSON})
"""Kinds for which text keeps more than the typed value: all digits, and months."""
_DAYS = {"DATE": 0, "TIMESTAMP": 1, "TIMESTAMP WITH TIME ZONE": 2}
_SIGNED = WHOLE - {"UBIGINT"}


@dataclass(frozen=True, slots=True)
class Part:
    """Neighbouring files with the same columns. SQL selects from `rows`; `columns` are by their names in the spec."""

    rows: str
    columns: Mapping[str, Stored]


@dataclass(frozen=True, slots=True)
class Relation:
    """The rows as a relation. `sql` follows FROM."""

    sql: str
    columns: Columns

    def without_rows(self) -> "Relation":
        """Return the relation with the same columns and without rows."""
        return replace(self, sql=f"(select * from {self.sql} where false) as r")  # noqa: S608 - quoted


def joined(parts: Sequence[Part], spec: JobSpec, settings: FileSettings) -> Relation:
    """Join the rows of all parts in order. A column that no part has is missing in the relation.

    A column that is stored with different types becomes text or a type that holds all values. DuckDB's own union would
    lose digits.
    """
    types = order_types(spec)
    names = [name for name in named(spec) if any(name in part.columns for part in parts)]
    united = {name: _united(name, parts, types.get(name)) for name in names}
    selects = (_select(part, index, united) for index, part in enumerate(parts))
    stored = {
        name: Stored(f"r.u{place}", united[name][0].type, f"r.f{place}" if _is_finer(name, parts) else "")
        for place, name in enumerate(names)
    }
    columns = Columns(stored, settings.blank_is_null, settings.decimal_comma)
    return Relation(f"({' union all '.join(selects)}) as r", columns)


def _select(part: Part, index: int, united: Mapping[str, Sequence[Stored]]) -> str:
    values = [
        f"{stored[index].sql} as u{place}, {stored[index].finer or 'false'} as f{place}"
        for place, stored in enumerate(united.values())
    ]
    return f"select {', '.join(values) or '1'} from {part.rows}"  # noqa: S608 - quoted


def _is_finer(name: str, parts: Iterable[Part]) -> bool:
    return any(part.columns[name].finer for part in parts if name in part.columns)


def _united(name: str, parts: Sequence[Part], type_: ColumnType | None) -> list[Stored]:
    """Return the expression of the column in each part, with the same type in all parts."""
    have = {part.columns[name].type for part in parts if name in part.columns}
    target = _target(have)
    return [_as(part.columns.get(name), target, type_) for part in parts]


def _target(types: set[str]) -> str:
    if len(types) == 1:
        (only,) = types
        return "DOUBLE" if only == "FLOAT" else only
    if types <= _SIGNED:
        return "BIGINT"
    if types <= WHOLE | {"HUGEINT"}:
        return "HUGEINT"
    if types <= set(_DAYS):
        return max(types, key=lambda each: _DAYS[each])
    return "BLOB" if "BLOB" in types else "VARCHAR"


def _as(stored: Stored | None, target: str, type_: ColumnType | None) -> Stored:
    if stored is None:
        return Stored(f"cast(null as {'hugeint' if target == LENGTH else target})", target)
    sql, stored_as = widened(stored.sql, stored.type)
    if stored_as == target:
        return Stored(sql, target, stored.finer)
    if target not in ("VARCHAR", "BLOB"):
        return Stored(f"cast({sql} as {target})", target, stored.finer)
    words = _words(sql, stored_as, type_)
    return Stored(words if target == "VARCHAR" else f"encode({words})", target, stored.finer)


def _words(sql: str, stored_as: str, type_: ColumnType | None) -> str:
    """Return a value as text. If it can be converted to the catalog's type, its text is that of the catalog's type."""
    if type_ is None or type_.kind in _AS_THEY_ARE or stored_as == "VARCHAR":
        return text(sql, stored_as)
    return f"coalesce(cast({typed(sql, stored_as, type_)} as varchar), {text(sql, stored_as)})"
