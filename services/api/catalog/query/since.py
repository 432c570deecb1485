"""Incremental exports: only rows that have changed since a given time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.api.catalog.model import Changed
from services.api.catalog.query.conditions import Condition
from services.api.catalog.query.reading import Reading
from services.api.catalog.query.values import write_value
from services.api.catalog.violations import Violations
from services.contract.spec import Operator, Term


@dataclass(frozen=True, slots=True)
class Since:
    """The start of an incremental export. `field` is the field of the request that asks for it.

    Rows that changed at or after `moment` are exported. If `of_export` is set, it is the type of the earlier export
    whose watermark is `moment`, and the collection's overlap is subtracted from it. If it is empty, the caller gave the
    time.
    """

    field: str
    moment: datetime
    of_export: str = ""


def add_since(reading: Reading, since: Since, violations: Violations) -> None:
    """Add the condition, which is that of `property[after]` on the column of changes, or a violation."""
    changed = reading.collection.changed
    code = reading.collection.code
    if since.of_export not in ("", code):
        violations.add(since.field, f"that export is of {since.of_export}; give one of {code}")
        return
    if changed is None:
        violations.add(since.field, f"{code} has no column that says when a row changed: the catalog names none")
        return
    name = f"{changed.column.field}[after]"
    if any(c.name == name for c in reading.conditions):
        violations.add(since.field, f"the query has {name} too, which says the same; leave one out")
        return
    reading.conditions.append(_condition(name, changed, since))


def _condition(name: str, changed: Changed, since: Since) -> Condition:
    column = changed.column
    moment = since.moment - timedelta(seconds=changed.overlap_s if since.of_export else 0)
    term = Term(column.name, column.type, Operator.GREATER_OR_EQUAL, (moment,), or_null=column.include_null_after)
    return Condition(name, write_value(moment), column.name, term)
