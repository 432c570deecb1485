"""The URL of the first page for a spec."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from services.contract.spec import All, Filter, HttpFilter, HttpPages, JobSpec, Operator, Paging, Term, Value
from services.worker.sources import errors

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DOTS = frozenset({".", ".."})
_EXISTS = {Operator.IS_NULL: "false", Operator.IS_NOT_NULL: "true"}
Parameters = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """The first request. `path` includes the query; None when no path can have such a value.

    `constants` are the values in the path, as text by column. `complete`: the server was given the whole filter.
    """

    path: str | None
    constants: Mapping[str, str]
    complete: bool


def request_for(spec: JobSpec, pages: HttpPages) -> ApiRequest:
    """Build the first request.

    Raises SourceFailed when the path needs a value that the filter does not give, or the server cannot sort by the
    order.
    """
    terms = [*_conjuncts(spec.filter)]
    placeholders = _PLACEHOLDER.findall(pages.path)
    constants = {t.column: spelled(t.values[0]) for t in terms if t and t.column in placeholders and _is_one_value(t)}
    if any(name not in constants for name in placeholders):
        raise errors.relation_missing(spec.source.id)
    fixed = {_bare(name) for name, _ in parse_qsl(urlsplit(pages.path).query, keep_blank_values=True)}
    # parameters in the catalog's path are not replaced
    known = tuple(f for f in pages.filters if _bare(f.parameter) not in fixed)
    sent = [_sent(t, known) if t and t.column not in constants else None for t in terms]
    open_terms = [t for t, s in zip(terms, sent, strict=True) if s is None and not (t and t.column in constants)]
    parameters = [p for s in sent if s for p in s] + _order(spec, pages) + _first(pages)
    path = filled(pages.path, constants)
    return ApiRequest(path and with_parameters(path, parameters), constants, complete=not open_terms)


def with_parameters(url: str, parameters: Parameters) -> str:
    """Return the URL with these parameters in place of parameters with the same names."""
    parts = urlsplit(url)
    names = {name for name, _ in parameters}
    kept = [(n, v) for n, v in parse_qsl(parts.query, keep_blank_values=True) if n not in names]
    return urlunsplit(parts._replace(query=urlencode(kept + parameters)))


def filled(template: str, values: Mapping[str, str | None]) -> str | None:
    """Fill percent-encoded values into the {placeholders} of a URL. A value can only be part of the path.

    None when a value is empty, or makes a step of dots, since a server might resolve the path to another one.
    """
    parts = [values[name] or "" for name in _PLACEHOLDER.findall(template)]
    url = _PLACEHOLDER.sub(lambda match: quote(values[match[1]] or "", safe="", errors="replace"), template)
    if any(not _DOTS.isdisjoint(re.split(r"[/\\]", _decoded(part))) for part in parts):
        return None
    climbs = not _DOTS.isdisjoint(url.partition("?")[0].split("/"))
    return None if "" in parts or (climbs and parts) else url


def _decoded(part: str) -> str:
    """Decode a value twice, because a server may decode it once or twice before it resolves dots."""
    return unquote(unquote(part))


def spelled(value: Value) -> str:
    """Return a value as text for a URL, before percent-encoding. Moments are in UTC."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
            return moment.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def _conjuncts(filter_: Filter) -> Iterator[Term | None]:
    """Yield the terms that every row must match, and None for anything that is not a single term."""
    match filter_:
        case Term():
            yield filter_
        case All(filters):
            for each in filters:
                yield from _conjuncts(each)
        case _:
            yield None


def _is_one_value(term: Term) -> bool:
    exact = not term.ignore_case and not term.or_null
    return term.operator is Operator.EQUALS and len(term.values) == 1 and exact


def _sent(term: Term, known: tuple[HttpFilter, ...]) -> Parameters | None:
    """Return the parameters of a term.

    None when the server has no parameter for it, or might leave out a row that matches.
    """
    passed_on = next((k for k in known if (k.column, k.operator) == (term.column, term.operator)), None)
    if passed_on is None or term.or_null or (term.ignore_case and not passed_on.ignore_case):
        return None
    if term.operator in _EXISTS:
        return [(passed_on.parameter, _EXISTS[term.operator])]
    if not term.values or "" in term.values:  # most servers ignore an empty parameter
        return None
    several = len(term.values) > 1 and not passed_on.parameter.endswith("[]")
    return [(passed_on.parameter + "[]" * several, spelled(v)) for v in term.values]


def _bare(name: str) -> str:
    return name.removesuffix("[]")


def _order(spec: JobSpec, pages: HttpPages) -> Parameters:
    known = {o.column: o.parameter for o in pages.order}
    sortable = [t.column in known for t in spec.order]
    sent = sortable.index(False) if False in sortable else len(sortable)
    unknown = [t.column for t in spec.order[sent:] if t.column not in spec.key]
    if unknown:
        raise errors.unsorted(spec.source.id, unknown)
    return [(known[t.column], "desc" if t.descending else "asc") for t in spec.order[:sent]]


def _first(pages: HttpPages) -> Parameters:
    size = [(pages.size_parameter, str(pages.page_size))] if pages.size_parameter else []
    return size + ([(pages.parameter, str(pages.first_page))] if pages.paging is Paging.PAGE else [])
