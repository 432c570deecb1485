"""A query read: its text, by the grammar of `grammar`, into a typed filter and an order.

The field of a violation is `uri.query[NAME]` or `uri.path[NAME]` for a URI, `query[NAME]` for a query beside a type;
NAME is the parameter's, decoded, with its brackets: `uri.query[isuedAt[after]]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo

from services.api.catalog.conditions import canonical_text, filters_of, total_order
from services.api.catalog.grammar import Reading, take
from services.api.catalog.model import Collection
from services.api.catalog.nearest import shown
from services.api.catalog.parameters import read_parameter, split, written_name
from services.api.catalog.violations import Refused, Violations
from services.contract.outcome import ExportWarning
from services.contract.spec import All, Filter, OrderTerm


@dataclass(frozen=True, slots=True)
class Query:
    """What a query means.

    `filter` begins with the parameters of the path. `order` is by source columns and ends with the key. `canonical` is
    the query in one spelling: filters sorted by name, moments in UTC, then the order (the default one when none was
    given) without the key; the path parameters of a URI are not in it.
    """

    filter: Filter
    order: tuple[OrderTerm, ...]
    canonical: str
    warnings: tuple[ExportWarning, ...] = ()


def parse_query(
    collection: Collection, text: str, *, path: Mapping[str, str] | None = None, time_zone: tzinfo = UTC
) -> Query:
    """Read the query `text` of a request for `collection`. Raises InvalidRequest with every violation.

    `path`: texts of every path parameter, decoded, out of a URI; None: they are given by name in `text`.
    `time_zone`: where bare dates and zoneless times are.
    """
    violations = Violations()
    query = collect_query(collection, text, violations, path=path, time_zone=time_zone)
    violations.check()
    return query


def collect_query(
    collection: Collection,
    text: str,
    violations: Violations,
    *,
    path: Mapping[str, str] | None = None,
    time_zone: tzinfo = UTC,
) -> Query:
    """As parse_query, but what is wrong is added to `violations`, and the query has only what is sound."""
    reading = Reading(collection, path, time_zone)
    if path is not None:
        _bind_path(reading, path, violations)
        _take_all(reading, text, "uri.query", violations)
    else:
        given = _take_all(reading, text, "query", violations)
        _demand_path(collection, given, violations)
    return _query(reading)


def _bind_path(reading: Reading, path: Mapping[str, str], violations: Violations) -> None:
    for of_path in reading.collection.parameters:
        try:
            reading.bind(of_path, path[of_path.name])
        except Refused as refused:
            violations.add(f"uri.path[{of_path.name}]", str(refused))


def _take_all(reading: Reading, text: str, prefix: str, violations: Violations) -> set[str]:
    """The properties that were given, soundly or not."""
    given = set()
    for raw in split(text):
        name = written_name(raw)
        given.add(name.partition("[")[0])
        try:
            take(reading, read_parameter(raw))
        except Refused as refused:
            violations.add(f"{prefix}[{shown(name)}]", str(refused))
    return given


def _demand_path(collection: Collection, given: set[str], violations: Violations) -> None:
    for of_path in collection.parameters:
        if not of_path.optional and of_path.name not in given:
            violations.add(f"query[{of_path.name}]", f"{of_path.name} is missing: add {of_path.name}=… to query")


def _query(reading: Reading) -> Query:
    collection = reading.collection
    order = tuple(reading.order) or collection.order
    conditions = reading.conditions if reading.path is not None else [*reading.conditions, *reading.bound]
    return Query(
        filter=All((*filters_of(reading.bound), *filters_of(reading.conditions))),
        order=total_order(order, collection.key),
        canonical=canonical_text(conditions, order),
        warnings=tuple(reading.warnings),
    )
