"""The catalog: what can be exported, under which names, from where."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from services.contract.formats import Format
from services.contract.spec import (
    AttachmentSpec,
    ColumnSpec,
    ColumnType,
    Invalid,
    Limits,
    Mask,
    Operator,
    OrderTerm,
    ReadingMode,
    Relation,
    SourceRef,
)


class Match(Enum):
    """How `field=value` compares text; the i forms ignore case. Named as API Platform names its strategies."""

    EXACT = "exact"
    PARTIAL = "partial"
    START = "start"
    END = "end"
    WORD_START = "word_start"
    IEXACT = "iexact"
    IPARTIAL = "ipartial"
    ISTART = "istart"
    IEND = "iend"
    IWORD_START = "iword_start"

    @property
    def operator(self) -> Operator:
        """The operator of a term."""
        return _OPERATORS[self.value.removeprefix("i")]

    @property
    def ignore_case(self) -> bool:
        """Whether upper and lower case are alike."""
        return self.value.startswith("i")


_OPERATORS = {
    "exact": Operator.EQUALS,
    "partial": Operator.CONTAINS,
    "start": Operator.STARTS_WITH,
    "end": Operator.ENDS_WITH,
    "word_start": Operator.WORD_STARTS_WITH,
}


class Nulls(Enum):
    """Where nulls stand in an order by a column: always last or first, or as its smallest or largest value."""

    LAST = "last"
    FIRST = "first"
    SMALLEST = "smallest"
    LARGEST = "largest"

    def first(self, *, descending: bool) -> bool:
        """Whether they come first in this direction."""
        return self is Nulls.FIRST or self is (Nulls.LARGEST if descending else Nulls.SMALLEST)


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """One column: `field` in queries and JSON, `name` in the source.

    `filter`, `exists` and `sort`: whether queries may compare it, ask whether it is null, and order by it.
    `include_null_before` and `include_null_after`: whether nulls match the operators [before] and [after]. `invalid`:
    what happens to a value that is not of the type; None: as the type has it.
    """

    field: str
    name: str
    header: str
    type: ColumnType
    filter: bool
    sort: bool
    exists: bool = True
    match: Match = Match.EXACT
    include_null_before: bool = False
    include_null_after: bool = False
    nulls: Nulls = Nulls.LAST
    mask: Mask | None = None
    invalid: Invalid | None = None

    @property
    def spec(self) -> ColumnSpec:
        """The part that a worker needs."""
        return ColumnSpec(self.name, self.field, self.header, self.type, self.mask, self.invalid)


@dataclass(frozen=True, slots=True)
class FieldOrder:
    """One term of an order, by a column of the catalog."""

    column: CatalogColumn
    descending: bool = False

    @property
    def term(self) -> OrderTerm:
        """The part that a worker needs."""
        nulls_first = self.column.nulls.first(descending=self.descending)
        return OrderTerm(self.column.name, self.descending, nulls_first)


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A parameter of a path, bound to a `column` of the source. `optional`: may be left out when there is no path."""

    name: str
    column: str
    type: ColumnType
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two slashes of a path: a word, or the name of a parameter without its braces."""

    text: str
    is_parameter: bool = False

    def __str__(self) -> str:
        return f"{{{self.text}}}" if self.is_parameter else self.text


@dataclass(frozen=True, slots=True)
class TenantColumn:
    """The source column that must hold the caller's tenant, in every row that the caller gets."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Changed:
    """The timestamp column that says when a row last changed.

    `overlap_s`: how far before the watermark of an earlier export its successor begins, in seconds, since a transaction
    writes the time at which it began and may end that much later.
    """

    column: CatalogColumn
    overlap_s: int


@dataclass(frozen=True, slots=True)
class Collection:
    """Records of one sort. `code` is the type of a request, `segments` its path, with at least one word.

    `key` names source columns, none where rows of files are told apart by their place. `order` is the default one,
    without the key. `parameters` are in the order of the path. `tenant` None: its rows belong to every tenant.
    `changed` None: it cannot be exported by changes.
    """

    code: str
    segments: tuple[Segment, ...]
    description: str
    source: SourceRef
    relation: Relation
    key: tuple[str, ...]
    columns: tuple[CatalogColumn, ...]
    formats: tuple[Format, ...]
    order: tuple[FieldOrder, ...] = ()
    parameters: tuple[PathParameter, ...] = ()
    attachments: tuple[AttachmentSpec, ...] = ()
    tenant: TenantColumn | None = None
    changed: Changed | None = None
    reading: ReadingMode = ReadingMode.SNAPSHOT
    limits: Limits = field(default_factory=Limits)
    max_items_per_page: int = 1000

    @property
    def path(self) -> str:
        """As in the catalog: "/entities/{entityId}/invoices"."""
        return "".join(f"/{segment}" for segment in self.segments)

    @property
    def table_name(self) -> str:
        """The last word of the path: "invoices"."""
        return [s.text for s in self.segments if not s.is_parameter][-1]

    @property
    def demanded(self) -> tuple[str, ...]:
        """Names of the parameters that every request gives; the others may be left out, or the tenant says them."""
        of_tenant = self.tenant.name if self.tenant else None
        return tuple(p.name for p in self.parameters if not p.optional and p.column != of_tenant)

    def bind(self, texts: tuple[str, ...]) -> dict[str, str] | None:
        """The parameters' texts when the path consists of `texts` (decoded); None when it is another path."""
        if len(texts) != len(self.segments):
            return None
        pairs = tuple(zip(self.segments, texts, strict=True))
        fits = all(text != "" if s.is_parameter else text == s.text for s, text in pairs)
        return {s.text: text for s, text in pairs if s.is_parameter} if fits else None


@dataclass(frozen=True, slots=True)
class Catalog:
    """All collections, in the order of the file."""

    collections: tuple[Collection, ...]
    _places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = {collection.code: place for place, collection in enumerate(self.collections)}
        object.__setattr__(self, "_places", places)

    def by_code(self, code: str) -> Collection | None:
        """The collection of this code, upper and lower case told apart; None: there is none."""
        place = self._places.get(code)
        return None if place is None else self.collections[place]

    def following(self, code: str, place: int, limit: int) -> Sequence[Collection]:
        """At most `limit` collections behind the one of this code, wherever it is now; it was at `place`.

        When it has gone, those from its place on. An empty code: from the first one on.
        """
        start = self._places.get(code, place - 1) + 1 if code else 0
        return self.collections[start : start + limit]

    def place(self, code: str) -> int:
        """Of a collection of this catalog, from 0."""
        return self._places[code]

    def by_path(self, texts: tuple[str, ...]) -> tuple[Collection, dict[str, str]] | None:
        """The collection of the path with these segments, and its parameters' texts; None: there is none."""
        for collection in self.collections:
            bound = collection.bind(texts)
            if bound is not None:
                return collection, bound
        return None
