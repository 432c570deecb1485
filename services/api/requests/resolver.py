"""Requests resolved by the catalog. The answers are kept, since callers ask for the same again and again."""

from dataclasses import dataclass, replace
from datetime import UTC
from zoneinfo import ZoneInfo

from services.api.catalog.columns import ColumnChoice
from services.api.catalog.model import Catalog
from services.api.catalog.query.since import Since
from services.api.catalog.resolve import Resolved, resolve
from services.api.domain.filter_mode import FilterMode
from services.api.requests.table_options import is_zone
from services.contract.formats import Format, Packaging
from services.contract.spec import TableOptions

MAX_KNOWN = 256
"""The number of answers that are kept."""

MAX_CATALOGS_KNOWN = 32
"""The number of catalogs whose answers are kept: the current one and its parts for restricted keys, or earlier ones."""

MAX_KNOWN_CHARACTERS = 2048
"""The longest question whose answer is kept, all texts together."""


@dataclass(frozen=True, slots=True)
class Question:
    """Everything beside the catalog on which a resolved request depends, the tenant included.

    It has no time but that of `since`, which comes from the caller.
    """

    uri: str | None
    type: str | None
    query: str
    format: Format | None
    any_format: bool
    file_types: tuple[str, ...]
    columns: tuple[ColumnChoice, ...]
    mode: FilterMode
    since: Since | None
    tenant: str
    table: TableOptions
    packaging: Packaging

    def resolved(self, catalog: Catalog) -> Resolved:
        """Resolve it, with the options of the table and the packaging. Raises what `resolve` raises."""
        zone = self.table.time_zone
        resolved = resolve(
            catalog,
            uri=self.uri,
            type_=self.type,
            query=self.query,
            format_=self.format,
            any_format=self.any_format,
            file_types=self.file_types,
            columns=self.columns,
            time_zone=ZoneInfo(zone) if is_zone(zone) else UTC,
            mode=self.mode,
            since=self.since,
            tenant=self.tenant,
        )
        return replace(resolved, spec=replace(resolved.spec, table=self.table, packaging=self.packaging))

    @property
    def is_short(self) -> bool:
        """Whether the answer may be kept."""
        texts = (self.uri or "", self.type or "", self.query, *self.file_types)
        chosen = (text for column in self.columns for text in (column.field, column.header))
        return sum(map(len, (*texts, *chosen))) <= MAX_KNOWN_CHARACTERS


class Resolver:
    """Resolves questions and keeps the answers. Refusals are not kept."""

    def __init__(self) -> None:
        self._catalogs: dict[int, Catalog] = {}  # by identity: comparing two would take longer than resolving
        self._known: dict[tuple[int, Question], Resolved] = {}

    @property
    def kept(self) -> int:
        """The number of answers that are kept."""
        return len(self._known)

    def resolved(self, catalog: Catalog, question: Question) -> Resolved:
        """Return `Question.resolved`: the very same object for the same question to the same catalog."""
        self._make_room(catalog)
        known = self._known.get((id(catalog), question))
        if known is None:
            known = question.resolved(catalog)
            if question.is_short:
                self._known[id(catalog), question] = known
        return known

    def _make_room(self, catalog: Catalog) -> None:
        if id(catalog) in self._catalogs and len(self._known) < MAX_KNOWN:
            return
        if len(self._catalogs) >= MAX_CATALOGS_KNOWN or len(self._known) >= MAX_KNOWN:
            self._catalogs, self._known = {}, {}
        self._catalogs[id(catalog)] = catalog
