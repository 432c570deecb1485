"""The catalog: what can be exported, under which names, from where."""

from dataclasses import dataclass

from services.contract.formats import Format
from services.contract.spec import AttachmentSpec, ColumnSpec, ColumnType, OrderTerm, Relation, SourceRef


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """One column: `field` in queries and JSON, `name` in the source; whether queries may filter and order by it."""

    field: str
    name: str
    header: str
    type: ColumnType
    filter: bool
    sort: bool

    @property
    def spec(self) -> ColumnSpec:
        """The part that a worker needs."""
        return ColumnSpec(self.name, self.field, self.header, self.type)


@dataclass(frozen=True, slots=True)
class FieldOrder:
    """One term of an order, by a column of the catalog."""

    column: CatalogColumn
    descending: bool = False

    @property
    def term(self) -> OrderTerm:
        """The part that a worker needs."""
        return OrderTerm(self.column.name, self.descending)


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

    def overlaps(self, other: "Segment") -> bool:
        """Whether some text fits both."""
        return self.is_parameter or other.is_parameter or self.text == other.text


@dataclass(frozen=True, slots=True)
class Collection:
    """Records of one sort. `code` is the type of a request, `segments` its path, with at least one word.

    `key` names source columns, none where rows of files are told apart by their place. `order` is the default one,
    without the key. `parameters` are in the order of the path.
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

    @property
    def path(self) -> str:
        """As in the catalog: "/entities/{entityId}/invoices"."""
        return "".join(f"/{segment}" for segment in self.segments)

    @property
    def table_name(self) -> str:
        """The last word of the path: "invoices"."""
        return [s.text for s in self.segments if not s.is_parameter][-1]

    def bind(self, texts: tuple[str, ...]) -> dict[str, str] | None:
        """The parameters' texts when the path consists of `texts` (decoded); None when it is another path."""
        if len(texts) != len(self.segments):
            return None
        pairs = tuple(zip(self.segments, texts, strict=True))
        fits = all(text != "" if s.is_parameter else text == s.text for s, text in pairs)
        return {s.text: text for s, text in pairs if s.is_parameter} if fits else None

    def overlaps(self, other: "Collection") -> bool:
        """Whether one path would name both."""
        same_length = len(self.segments) == len(other.segments) > 0
        return same_length and all(a.overlaps(b) for a, b in zip(self.segments, other.segments, strict=True))


@dataclass(frozen=True, slots=True)
class Catalog:
    """All collections, in the order of the file."""

    collections: tuple[Collection, ...]

    def by_code(self, code: str) -> Collection | None:
        """The collection of this code, upper and lower case told apart; None: there is none."""
        return next((c for c in self.collections if c.code == code), None)

    def by_path(self, texts: tuple[str, ...]) -> tuple[Collection, dict[str, str]] | None:
        """The collection of the path with these segments, and its parameters' texts; None: there is none."""
        for collection in self.collections:
            bound = collection.bind(texts)
            if bound is not None:
                return collection, bound
        return None
