"""The catalog: what can be exported, under which names, and from where."""

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
    """How `field=value` compares text.

    The forms with "i" ignore case. The names are those of API Platform's strategies.
    """

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
        """The operator of a term with this match."""
        return _OPERATORS[self.value.removeprefix("i")]

    @property
    def ignore_case(self) -> bool:
        """Whether case is ignored."""
        return self.value.startswith("i")


_OPERATORS = {
    "exact": Operator.EQUALS,
    "partial": Operator.CONTAINS,
    "start": Operator.STARTS_WITH,
    "end": Operator.ENDS_WITH,
    "word_start": Operator.WORD_STARTS_WITH,
}


class Nulls(Enum):
    """Where nulls are placed in an order by a column: always last or first, or as its smallest or largest value."""

    LAST = "last"
    FIRST = "first"
    SMALLEST = "smallest"
    LARGEST = "largest"

    def first(self, *, descending: bool) -> bool:
        """Whether nulls come first in this direction."""
        return self is Nulls.FIRST or self is (Nulls.LARGEST if descending else Nulls.SMALLEST)


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """One column: `field` in queries and JSON, `name` in the source.

    `filter`, `exists` and `sort` say whether queries may compare the column, test it for null, and order by it.
    `include_null_before` and `include_null_after` say whether nulls match the operators [before] and [after]. `invalid`
    says what happens to a value that is not of the type; None: the default of the type.
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
        """The part of the column that a worker needs."""
        return ColumnSpec(self.name, self.field, self.header, self.type, self.mask, self.invalid)


@dataclass(frozen=True, slots=True)
class FieldOrder:
    """One term of an order by a column of the catalog."""

    column: CatalogColumn
    descending: bool = False

    @property
    def term(self) -> OrderTerm:
        """The part of the term that a worker needs."""
        nulls_first = self.column.nulls.first(descending=self.descending)
        return OrderTerm(self.column.name, self.descending, nulls_first)


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A parameter of a path, bound to a `column` of the source.

    An `optional` parameter may be left out by requests that name the collection by its code.
    """

    name: str
    column: str
    type: ColumnType
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a path: a word, or the name of a parameter without its braces."""

    text: str
    is_parameter: bool = False

    def __str__(self) -> str:
        return f"{{{self.text}}}" if self.is_parameter else self.text


@dataclass(frozen=True, slots=True)
class TenantColumn:
    """The column of the source that must be equal to the caller's tenant in every row that the caller gets."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Changed:
    """The timestamp column that says when a row last changed.

    `overlap_s` is how many seconds before the watermark of the previous export the next one starts. It is needed
    because a transaction may write the time of its beginning and be committed that much later.
    """

    column: CatalogColumn
    overlap_s: int


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of the catalog. `code` is the type in requests; `segments` is its path, with at least one word.

    `key` names columns of the source; it is empty for files whose rows are identified by their position. `order` is the
    default order, without the key. `parameters` are in the order of the path. If `tenant` is None, every tenant gets
    all rows. If `changed` is None, incremental exports are not possible.
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
        """The path as in the catalog: "/entities/{entityId}/invoices"."""
        return "".join(f"/{segment}" for segment in self.segments)

    @property
    def table_name(self) -> str:
        """The last word of the path: "invoices"."""
        return [s.text for s in self.segments if not s.is_parameter][-1]

    @property
    def demanded(self) -> tuple[str, ...]:
        """The names of the parameters that every request must give.

        The others are optional, or the tenant determines them.
        """
        of_tenant = self.tenant.name if self.tenant else None
        return tuple(p.name for p in self.parameters if not p.optional and p.column != of_tenant)

    def bind(self, texts: tuple[str, ...]) -> dict[str, str] | None:
        """Return the texts of the parameters if the path has the decoded segments `texts`; otherwise None."""
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
        """Return the collection with this code, case-sensitively; None if there is none."""
        place = self._places.get(code)
        return None if place is None else self.collections[place]

    def following(self, code: str, place: int, limit: int) -> Sequence[Collection]:
        """Return at most `limit` collections after the one with this code, wherever it is in the catalog now.

        If the code is no longer in the catalog, start at `place`, where it was before. If the code is empty, start at
        the first collection.
        """
        start = self._places.get(code, place - 1) + 1 if code else 0
        return self.collections[start : start + limit]

    def place(self, code: str) -> int:
        """Return the position of a collection of this catalog, from 0. Raises KeyError for an unknown code."""
        return self._places[code]

    def by_path(self, texts: tuple[str, ...]) -> tuple[Collection, dict[str, str]] | None:
        """Return the collection whose path has these segments, and its parameters' texts; None if there is none."""
        for collection in self.collections:
            bound = collection.bind(texts)
            if bound is not None:
                return collection, bound
        return None
