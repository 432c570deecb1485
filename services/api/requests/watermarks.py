"""Incremental exports: from what moment on rows count, and whether an earlier export can say so."""

from services.api.catalog.query.since import Since
from services.api.catalog.resolve import Resolved
from services.api.domain.export import Export
from services.api.domain.states import State
from services.contract.codes import WarningCode
from services.contract.errors import Violation
from services.contract.outcome import ExportWarning


def since_export(earlier: Export | None) -> Since | Violation:
    """What has changed since the snapshot of an export; None: the tenant has none of that id."""
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
    """A warning when the earlier export had other rows to choose from: what only this one has may be missing.

    One page of a collection never has all there are to choose from.
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
    """Those that decide which rows there are to choose from. What begins with `since`, if not empty, does not count."""
    others = ("order[", "properties[", since) if since else ("order[", "properties[")
    return [p for p in canonical.split("&") if p and not p.startswith(others)]
