"""Finds what would defeat a mask: other parts of a collection that show a masked value or let queries guess it."""

import re
from collections.abc import Iterator

from services.api.catalog.model import CatalogColumn, Collection
from services.contract.spec import Kind

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_OF_MEMBERS = frozenset({Kind.JSON, Kind.TEXT})
"""Kinds that may hold a whole object, including a member that has a masked column of its own."""


def ways_around(read: Collection) -> Iterator[tuple[str, str]]:
    """Yield each key that is wrong, and why. Names of the source are compared without regard to case, as sources do."""
    for column in read.columns:
        if column.mask is not None:
            yield from _of_rows(read, column)
            yield from _of_queries(read, column)


def _of_rows(read: Collection, masked: CatalogColumn) -> Iterator[tuple[str, str]]:
    """Yield what shows the masked value in the result.

    The names of entries in a ZIP contain the key and the placeholders of the path.
    """
    named = {name.casefold() for a in read.attachments for name in (*read.key, *_PLACEHOLDER.findall(a.path))}
    if any(_touches(name, masked) for name in named):
        yield "columns", f"{masked.field} is masked, and would appear in names of attachments in the ZIP"
    # The order of the rows of an HTTP API is the choice of the API.
    if read.relation.http is None and not masked.sort and any(_touches(name, masked) for name in read.key):
        yield "key", f"{masked.field} is masked, and the rows are sorted by it; sort = true allows that"
    for other in read.columns:
        if other.mask is None and _shows(other, masked):
            yield "columns", f"{masked.field} is masked, and {other.field}, which is not, shows it too"


def _of_queries(read: Collection, masked: CatalogColumn) -> Iterator[tuple[str, str]]:
    """Yield what lets queries compare the masked value.

    A path parameter on the tenant's column is allowed: it is compared with the caller's own tenant, which reveals
    nothing.
    """
    if read.changed and _touches(read.changed.column.name, masked):
        yield "changed", f"{masked.field} is masked, and changed_since would compare it"
    if any(c.mask and c.filter and _same(c.name, masked) for c in read.columns):
        return
    own = read.tenant.name if read.tenant else None
    for parameter in read.parameters:
        if _touches(parameter.column, masked) and parameter.column != own:
            yield f"parameters.{parameter.name}", f"compares {masked.field}, which is masked and has no filter = true"


def _shows(other: CatalogColumn, masked: CatalogColumn) -> bool:
    """Whether the other column shows the same value, a part of it, or an object that may contain it."""
    return _is_part(other.name, masked) or (other.type.kind in _OF_MEMBERS and _holds(other.name, masked))


def _same(name: str, masked: CatalogColumn) -> bool:
    return name.casefold() == masked.name.casefold()


def _holds(name: str, masked: CatalogColumn) -> bool:
    """Whether `name` is the masked column, or the object around it."""
    return _same(name, masked) or masked.name.casefold().startswith(f"{name.casefold()}.")


def _is_part(name: str, masked: CatalogColumn) -> bool:
    """Whether `name` is the masked column, or a member of it."""
    return _same(name, masked) or name.casefold().startswith(f"{masked.name.casefold()}.")


def _touches(name: str, masked: CatalogColumn) -> bool:
    return _holds(name, masked) or _is_part(name, masked)
