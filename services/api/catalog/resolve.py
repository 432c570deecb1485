"""Resolves a request: finds its collection and builds the specification of the job that exports it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from services.api.catalog.columns import ColumnChoice, choose, unused_headers
from services.api.catalog.model import Catalog, Collection
from services.api.catalog.query.conditions import tolerant
from services.api.catalog.query.parameters import decode
from services.api.catalog.query.parser import Query, collect_query
from services.api.catalog.query.since import Since
from services.api.catalog.tenancy import of_tenant
from services.api.catalog.violations import Refused, Violations
from services.api.domain.filter_mode import FilterMode
from services.contract.errors import CollectionNotFound, InvalidRequest, Violation
from services.contract.formats import Format
from services.contract.outcome import ExportWarning
from services.contract.spec import All, AttachmentSpec, ColumnSpec, JobSpec, TableOptions
from services.runtime.nearest import NEAR, closeness, hint, nearest, shown

MAX_URI_BYTES = 8192
MAX_QUERY_BYTES = MAX_URI_BYTES
"""The limit of a query that is given beside a type: the same as in a URI."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A valid request."""

    collection: Collection
    spec: JobSpec
    warnings: tuple[ExportWarning, ...]

    @property
    def query(self) -> str:
        """The query as understood; see `Query.canonical`."""
        return self.spec.query

    @property
    def columns(self) -> tuple[ColumnSpec, ...]:
        """The columns of the table, in order."""
        return self.spec.columns


@dataclass(frozen=True, slots=True)
class _Target:
    """The collection and the query of a request.

    `path` has the texts of the path's parameters; None if there is no path.
    """

    collection: Collection
    query: str
    path: dict[str, str] | None = None


def resolve(
    catalog: Catalog,
    *,
    uri: str | None = None,
    type_: str | None = None,
    query: str = "",
    format_: Format | None = None,
    any_format: bool = False,
    file_types: Sequence[str] = (),
    columns: Sequence[ColumnChoice] = (),
    time_zone: tzinfo = UTC,
    mode: FilterMode = FilterMode.STRICT,
    since: Since | None = None,
    tenant: str = "default",
) -> Resolved:
    """Find the collection of `uri`, or of `type_` with `query`, and return all that a worker needs.

    `format_` None means JSON. `any_format` also accepts a format that the collection does not offer. Without `columns`
    all are exported, unless the query has properties. `time_zone` is the zone of dates without an offset. Packaging and
    the options of the format are decided elsewhere.

    Raises CollectionNotFound, and InvalidRequest with every violation. The fields of violations are uri, type, query,
    format, file_types[i], columns, columns[i].field, columns[i].header, the field of `since`, and those of
    `parse_query`.
    """
    violations = Violations()
    target = _target(catalog, uri, type_, query, violations)
    collection = target.collection
    meaning = collect_query(
        collection, target.query, violations, path=target.path, time_zone=time_zone, mode=mode, since=since
    )
    bound = All((*of_tenant(collection, tenant, violations), *meaning.filter.filters))
    chosen = format_ or Format.JSON
    if not any_format:
        _check_format(collection, chosen, violations, default="" if format_ else ", the default,")
    attachments = _attachments(collection, file_types, violations)
    shown_columns = choose(collection, columns or _properties(meaning), violations)
    if columns and meaning.properties:
        violations.add("columns", "the query has properties, which select columns, too; use one of the two")
    violations.check()
    spec = _spec(collection, replace(meaning, filter=bound), chosen, shown_columns, attachments)
    return Resolved(collection, spec, (*meaning.warnings, *unused_headers(collection, columns, chosen)))


def _spec(
    collection: Collection,
    meaning: Query,
    chosen: Format,
    columns: tuple[ColumnSpec, ...],
    attachments: tuple[AttachmentSpec, ...],
) -> JobSpec:
    return JobSpec(
        collection=collection.code,
        source=collection.source,
        relation=collection.relation,
        key=collection.key,
        columns=columns,
        order=meaning.order,
        table=TableOptions(chosen),
        table_name=collection.table_name,
        filter=tolerant(collection, meaning.filter),
        attachments=attachments,
        query=meaning.canonical,
        reading=collection.reading,
        limits=collection.limits,
        page=meaning.page,
        secret=_secret(collection),
    )


def _secret(collection: Collection) -> tuple[str, ...]:
    masked = [c.name for c in collection.columns if c.mask]
    return tuple(dict.fromkeys([*masked, *([collection.tenant.name] if collection.tenant else [])]))


def _properties(meaning: Query) -> tuple[ColumnChoice, ...]:
    return tuple(ColumnChoice(name) for name in meaning.properties)


# ---- the collection


def _target(catalog: Catalog, uri: str | None, type_: str | None, query: str, violations: Violations) -> _Target:
    """Return the target.

    Raises at once if there is no collection against which the rest of the request could be checked.
    """
    if uri is None:
        return _Target(_of_type(catalog, type_), _bounded(query, violations))
    if type_ is not None:
        violations.add("type", "give either uri or type")
    if query:
        violations.add("query", "this is for type only; put it into uri, after a ?")
    return _of_uri(catalog, uri, violations)


def _bounded(query: str, violations: Violations) -> str:
    """Return the query. Raises at once if it is too long, without parsing it."""
    if len(query.encode(errors="replace")) > MAX_QUERY_BYTES:
        violations.add("query", f"it is longer than {MAX_QUERY_BYTES} bytes")
        violations.check()
    return query


def _of_type(catalog: Catalog, code: str | None) -> Collection:
    if not code:
        field = "uri" if code is None else "type"
        raise InvalidRequest((Violation(field, "name the collection: give uri or type"),))
    return collection_of(catalog, code)


def collection_of(catalog: Catalog, code: str) -> Collection:
    """Return the collection with this code. Raises CollectionNotFound, with the nearest code."""
    collection = catalog.by_code(code)
    if collection is None:
        raise CollectionNotFound(shown(code), _nearest_code(catalog, code))
    return collection


def _of_uri(catalog: Catalog, uri: str, violations: Violations) -> _Target:
    path, query = _split(uri, violations)
    texts = _segments(path, violations)
    place = catalog.by_path(texts)
    if place is None:
        violations.check()
        raise CollectionNotFound(shown(path), _nearest_path(catalog, texts))
    return _Target(place[0], query, place[1])


def _split(uri: str, violations: Violations) -> tuple[str, str]:
    """Return path and query. Small mistakes are noted and corrected, so that the rest can be checked, too."""
    if len(uri.encode(errors="replace")) > MAX_URI_BYTES:
        violations.add("uri", f"it is longer than {MAX_URI_BYTES} bytes")
    elif _SCHEME.match(uri):
        violations.add("uri", "it names a host; give only the path and the query, from the first / of the path on")
    elif not uri.startswith("/"):
        violations.add("uri", "it does not begin with /")
    violations.check()
    whole, fragment, _ = uri.partition("#")
    path, _, query = whole.partition("?")
    if fragment:
        violations.add("uri", "it has a fragment: leave out # and what follows, or write %23 for the character itself")
    if path.endswith("/"):
        violations.add("uri", "its path ends with /: leave that out")
    return path.rstrip("/"), query


def _segments(path: str, violations: Violations) -> tuple[str, ...]:
    try:
        return tuple(decode(segment, plus_is_space=False) for segment in path.split("/")[1:])
    except Refused as refused:
        violations.add("uri", f"its path: {refused}")
        return ()


def _nearest_code(catalog: Catalog, code: str) -> str:
    """Return the nearest code: compare with the codes first, then with the last words of the paths."""
    meant = nearest(code, [c.code for c in catalog.collections])
    by_word = {c.table_name: c.code for c in reversed(catalog.collections)}
    return meant or by_word.get(nearest(code, by_word), "")


def _nearest_path(catalog: Catalog, texts: tuple[str, ...]) -> str:
    """Return the nearest path; empty if none is near.

    The whole path is compared, except the values of parameters. If its last word is nearer to a code or to the last
    word of a path, the path of that collection is returned.
    """
    rated = ((closeness(_masked(c, texts), c.path), c.path) for c in catalog.collections)
    ratio, path = max(rated, default=(0.0, ""))
    last = texts[-1] if texts else ""
    by_word = {word: c.path for c in reversed(catalog.collections) for word in (c.code, c.table_name)}
    word = nearest(last, by_word)
    if word and closeness(last, word) > ratio:
        return by_word[word]
    return path if ratio >= NEAR else ""


def _masked(collection: Collection, texts: tuple[str, ...]) -> str:
    """Return `texts` as a path in which the collection's parameters stand at their places."""
    masks = {place: str(s) for place, s in enumerate(collection.segments) if s.is_parameter}
    return "".join(f"/{masks.get(place, text)}" for place, text in enumerate(texts))


# ---- formats and attachments


def _check_format(collection: Collection, chosen: Format, violations: Violations, default: str) -> None:
    if chosen not in collection.formats:
        offered = ", ".join(f.value for f in collection.formats)
        violations.add("format", f"{collection.code} is not offered as {chosen.value}{default} but as {offered}")


def _attachments(
    collection: Collection, file_types: Sequence[str], violations: Violations
) -> tuple[AttachmentSpec, ...]:
    known, before = {a.file_type: a for a in collection.attachments}, set[str]()
    for place, file_type in enumerate(file_types):
        if file_type not in known:
            violations.add(f"file_types[{place}]", f"unknown {shown(file_type)}: {hint(file_type, known)}")
        elif file_type in before:
            violations.add(f"file_types[{place}]", f"{file_type} is there twice")
        before.add(file_type)
    return tuple(known[f] for f in file_types if f in known)
