"""Incremental exports: their start, and whether it can be taken from an earlier export."""

from services.api.catalog.query.since import Since
from services.api.catalog.resolve import Resolved
from services.api.domain.export import Export
from services.api.domain.states import State
from services.contract.codes import WarningCode
from services.contract.errors import Violation
from services.contract.outcome import ExportWarning


def since_export(earlier: Export | None) -> Since | Violation:
    """Return the start of an export of the changes since an earlier one, or why it cannot be its start.

    `earlier` is None if the tenant has no such export.
    """
    field = "since_export"
    if earlier is None:
        return Violation(field, "there is no such export; give changed_since instead")
    if earlier.state is not State.COMPLETED or earlier.stats is None:
        return Violation(field, f"that export is {earlier.state.value}; give one that is COMPLETED")
    if earlier.stats.as_of is None:
        why = f"{earlier.stats.consistency.value}, have no common moment"
        return Violation(field, f"the rows of that export, read {why}; give changed_since instead")
    return Since(field, earlier.stats.as_of, of_export=earlier.type)


def other_query(earlier: Export, uri: str, resolved: Resolved) -> ExportWarning | None:
    """Return a warning if the earlier export had another filter: rows that only the new filter matches may be missing.

    An earlier export of one page never has all rows of its filter.
    """
    changed = resolved.collection.changed
    since = f"{changed.column.field}[after]=" if changed else ""
    before = _filters(earlier.options.query, since if earlier.options.by_changes else "")
    same_path = earlier.uri.partition("?")[0] == uri.partition("?")[0]
    had_page = any(part.startswith("page=") for part in before)
    if same_path and not had_page and before == _filters(resolved.query, since):
        return None
    message = (
        f"export {earlier.id} had another filter: "
        "rows that it left out and that have not changed since are not in this file"
    )
    return ExportWarning(WarningCode.SINCE_OTHER_QUERY, message)


def _filters(canonical: str, since: str) -> list[str]:
    """Return the parts of a query that select rows. Parts that begin with `since`, if it is not empty, are ignored."""
    others = ("order[", "properties[", since) if since else ("order[", "properties[")
    return [p for p in canonical.split("&") if p and not p.startswith(others)]
