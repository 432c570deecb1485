"""Parses a query by the grammar of `grammar` into a typed filter, an order, properties and a page.

The field of a violation is `uri.query[NAME]` or `uri.path[NAME]` for a URI, and `query[NAME]` for a query beside a
type. NAME is the decoded name of the parameter with its brackets: `uri.query[isuedAt[after]]`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo

from services.api.catalog.model import Collection
from services.api.catalog.query.conditions import canonical_text, filters_of, total_order
from services.api.catalog.query.grammar import take
from services.api.catalog.query.lenient import last_of_each, of_list
from services.api.catalog.query.parameters import Parameter, read_parameter, split, written_name
from services.api.catalog.query.reading import MAX_WARNINGS, Reading
from services.api.catalog.query.since import Since, add_since
from services.api.catalog.query.work import excess
from services.api.catalog.violations import AlwaysRefused, Refused, Violations
from services.api.domain.filter_mode import FilterMode
from services.contract.codes import WarningCode
from services.contract.outcome import ExportWarning
from services.contract.spec import All, OrderTerm, Page
from services.runtime.nearest import shown


@dataclass(frozen=True, slots=True)
class Query:
    """The meaning of a query.

    `filter` begins with the parameters of the path. `order` has columns of the source and ends with the key.
    `properties` are the chosen fields; empty means all. `page` None means all rows. `canonical` is the query in one
    spelling: filters sorted by name with times in UTC, then the order (the default one if none was given) without the
    key, the properties and the page. It does not contain the path parameters of a URI.
    """

    filter: All
    order: tuple[OrderTerm, ...]
    canonical: str
    properties: tuple[str, ...] = ()
    page: Page | None = None
    warnings: tuple[ExportWarning, ...] = ()


def parse_query(
    collection: Collection,
    text: str,
    *,
    path: Mapping[str, str] | None = None,
    time_zone: tzinfo = UTC,
    mode: FilterMode = FilterMode.STRICT,
) -> Query:
    """Parse the query `text` of a request for `collection`. Raises InvalidRequest with every violation.

    `path` has the decoded texts of all path parameters from a URI; None: they are given by name in `text`. `time_zone`
    is the zone of dates and times without an offset. In LENIENT mode only mistakes in the path or the page, too many
    mistakes, and a query that costs too much are violations.
    """
    violations = Violations()
    query = collect_query(collection, text, violations, path=path, time_zone=time_zone, mode=mode)
    violations.check()
    return query


def collect_query(
    collection: Collection,
    text: str,
    violations: Violations,
    *,
    path: Mapping[str, str] | None = None,
    time_zone: tzinfo = UTC,
    mode: FilterMode = FilterMode.STRICT,
    since: Since | None = None,
) -> Query:
    """Parse a query as `parse_query` does, but add mistakes to `violations` and return the meaning of the valid part.

    `since` restricts the query to rows that have changed since then.
    """
    reading = Reading(collection, path, time_zone, mode)
    if path is not None:
        _bind_path(reading, path, violations)
        _take_all(reading, text, "uri.query", violations)
    else:
        given = _take_all(reading, text, "query", violations)
        _demand_path(collection, given, violations)
    if since is not None:
        add_since(reading, since, violations)
    _check_work(reading, "query" if path is None else "uri.query", violations)
    return _query(reading)


def _bind_path(reading: Reading, path: Mapping[str, str], violations: Violations) -> None:
    for of_path in reading.collection.parameters:
        try:
            reading.bind(of_path, path[of_path.name])
        except Refused as refused:
            violations.add(f"uri.path[{of_path.name}]", str(refused))


def _take_all(reading: Reading, text: str, prefix: str, violations: Violations) -> set[str]:
    """Take all parameters, and return the names of the properties that were given, valid or not."""
    refusals = _Refusals(reading, prefix, violations)
    for parameter in _counting(reading, _sound(text, refusals)):
        try:
            take(reading, parameter)
        except Refused as refused:
            refusals.add(parameter.name, refused)
    return {written_name(raw).partition("[")[0] for raw in split(text)}


def _sound(text: str, refusals: "_Refusals") -> Iterator[Parameter]:
    for raw in split(text):
        try:
            yield read_parameter(raw)
        except Refused as refused:
            refusals.add(written_name(raw), refused)


def _counting(reading: Reading, parameters: Iterable[Parameter]) -> Iterable[Parameter]:
    if reading.mode is FilterMode.STRICT:
        return parameters
    kept, replaced = last_of_each(parameters)
    for parameter in replaced:
        name = shown(parameter.name)
        reading.warn(
            WarningCode.PARAMETER_REPEATED, f"{name}={shown(parameter.value or '')} is replaced by what follows it"
        )
    return [of_list(parameter) for parameter in kept]


@dataclass(frozen=True, slots=True)
class _Refusals:
    """Records wrong parameters: as violations, or in LENIENT mode as warnings.

    Too many warnings are a violation: such a query is not intended, and searching for the nearest names takes time.
    """

    reading: Reading
    prefix: str
    violations: Violations

    def add(self, name: str, refused: Refused) -> None:
        if self.reading.mode is FilterMode.STRICT or isinstance(refused, AlwaysRefused):
            self.violations.add(f"{self.prefix}[{shown(name)}]", str(refused))
            return
        if len(self.reading.warnings) >= MAX_WARNINGS:
            self.violations.add(self.prefix, f"more than {MAX_WARNINGS} of its parameters would be ignored")
            self.violations.check()
        self.reading.warn(WarningCode.PARAMETER_IGNORED, f"{shown(name)} is ignored: {refused}")


def _check_work(reading: Reading, prefix: str, violations: Violations) -> None:
    """Add a violation if the query compares too much.

    This applies in LENIENT mode, too: without the excess, more rows would match than were asked for.
    """
    name, why = excess((*reading.bound, *reading.conditions))
    if why:
        violations.add(f"{prefix}[{shown(name)}]", why)


def _demand_path(collection: Collection, given: set[str], violations: Violations) -> None:
    for name in collection.demanded:
        if name not in given:
            violations.add(f"query[{name}]", f"{name} is missing: add {name}=… to query")


def _query(reading: Reading) -> Query:
    collection = reading.collection
    order = tuple(reading.order) or collection.order
    conditions = reading.conditions if reading.path is not None else [*reading.conditions, *reading.bound]
    page = reading.page()
    return Query(
        filter=All((*filters_of(reading.bound), *filters_of(reading.conditions))),
        order=total_order(order, collection.key),
        canonical=canonical_text(conditions, order, reading.properties, page),
        properties=tuple(reading.properties),
        page=page,
        warnings=tuple(reading.warnings),
    )
