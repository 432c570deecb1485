"""Reads one collection of the catalog file."""

from collections.abc import Container, Mapping

from services.api.catalog.definition import keys
from services.api.catalog.definition.attachment_reader import check_below_root, read_attachment
from services.api.catalog.definition.column_reader import (
    ColumnReader,
    check_fields,
    named_column,
    only_sorted_by,
    without_parquet,
)
from services.api.catalog.definition.column_types import read_type
from services.api.catalog.definition.http_reader import read_http
from services.api.catalog.definition.identifiers import is_name, is_word
from services.api.catalog.definition.masks import ways_around
from services.api.catalog.definition.source_kinds import KEYSET_KINDS, RELATIONS, kind_of
from services.api.catalog.model import (
    CatalogColumn,
    Changed,
    Collection,
    FieldOrder,
    PathParameter,
    Segment,
    TenantColumn,
)
from services.api.catalog.query.values import FILTERABLE
from services.contract.formats import Format
from services.contract.query_words import QUERY_WORDS
from services.contract.spec import AttachmentSpec, ColumnType, Kind, Limits, ReadingMode, Relation, SourceRef
from services.runtime.nearest import hint, listed
from services.runtime.toml import Mistake, Table

DEFAULT_ITEMS = 1000
DEFAULT_OVERLAP_S = 300


class CollectionReader:
    """Reads the table `[collections.CODE]`. `sources` are the sources of the file, by id."""

    def __init__(self, code: str, content: object, sources: Mapping[str, SourceRef], mistakes: list[Mistake]) -> None:
        self.code = code
        self.sources = sources
        self.mistakes = mistakes
        self.table = Table(f"[collections.{code}]", content, keys.COLLECTION, mistakes)

    def read(self) -> Collection:
        """Return the collection. It must be used only if no mistake was noted."""
        if not is_name(self.code):
            self.table.wrong("", "a code consists of letters, digits, _ and -, and begins with a letter")
        tenant = self._tenant()
        segments = self._segments()
        columns = ColumnReader(self.code, tenant.name if tenant else "", self.mistakes).read(
            self.table.listed("columns")
        )
        check_fields(self.table, columns)
        source = self._source()
        relation = self._relation(source, columns)
        key, reading = self._key(source), self._reading(source)
        columns = only_sorted_by(columns, _orders(relation, reading, key))
        limits = self._sub("limits", keys.LIMITS)
        formats = self._formats()
        without_parquet(self.table, columns, formats)
        collection = Collection(
            code=self.code,
            segments=segments,
            description=self.table.text("description", ""),
            source=source,
            relation=relation,
            key=key,
            columns=columns,
            formats=formats,
            order=self._order(columns, reading, key),
            parameters=self._parameters(segments, columns),
            attachments=self._attachments(source, relation, key),
            tenant=tenant,
            changed=self._changed(columns),
            reading=reading,
            limits=_limits(limits),
            max_items_per_page=limits.number("max_items_per_page", DEFAULT_ITEMS, keys.ITEM_LIMITS),
        )
        for wrong, why in ways_around(collection):
            self.table.wrong(wrong, why)
        if (size := _shown_bytes(collection)) > keys.MAX_COLLECTION_BYTES:
            self.table.wrong("", f"shows {size} bytes of texts and columns; at most {keys.MAX_COLLECTION_BYTES} go")
        return collection

    def _sub(self, key: str, of: keys.Keys) -> Table:
        """Return a nested table; an empty one if the key is missing."""
        return Table(f"[collections.{self.code}.{key}]", self.table.named(key), of, self.mistakes)

    # ---- path

    def _segments(self) -> tuple[Segment, ...]:
        path = self.table.text("path")
        segments = tuple(_segment(part) for part in path.split("/")[1:])
        names = [s.text for s in segments if s.is_parameter]
        if path and not (path.startswith("/") and all(_is_sound(s) for s in segments)):
            self.table.wrong(
                "path",
                f'"{path}" is not a path: it needs segments "/word" and "/{{parameter}}", without a / at the end',
            )
        elif path and len(names) == len(segments):
            self.table.wrong("path", "needs at least one word besides its parameters")
        if len(set(names)) < len(names):
            self.table.wrong("path", "names the same parameter twice")
        return segments

    def _parameters(
        self, segments: tuple[Segment, ...], columns: tuple[CatalogColumn, ...]
    ) -> tuple[PathParameter, ...]:
        names = [s.text for s in segments if s.is_parameter]
        tables = self.table.named("parameters")
        for name in names:
            if name not in tables:
                self.table.wrong(
                    "path", f"its parameter {name} needs a table [collections.{self.code}.parameters.{name}]"
                )
        read = {name: self._parameter(name, content, columns) for name, content in tables.items()}
        for name in read:
            if name not in names:
                self.table.wrong(f"parameters.{name}", f"is not in the path; {hint(name, names)}")
        return tuple(read[name] for name in dict.fromkeys(names) if name in read)

    def _parameter(self, name: str, content: object, columns: tuple[CatalogColumn, ...]) -> PathParameter:
        table = Table(f"[collections.{self.code}.parameters.{name}]", content, keys.PARAMETER, self.mistakes)
        type_ = read_type(table)
        parameter = PathParameter(name, table.text("column"), type_, table.flag("optional", default=False))
        if name in QUERY_WORDS:
            table.wrong("", f"{name} is a reserved word of the query grammar; choose another name")
        if type_.kind not in FILTERABLE:
            table.wrong(
                "type", f"{type_} cannot be compared; allowed: {listed([k.value for k in Kind if k in FILTERABLE])}"
            )
        if any(c.field == name and (c.name, c.type) != (parameter.column, type_) for c in columns):
            table.wrong("", f"there is a column with the field {name} that has another name or type")
        return parameter

    # ---- source, key and tenant

    def _source(self) -> SourceRef:
        source = self._known_source(self.table)
        kind = kind_of(source)
        if kind and not kind.relations:
            self.table.wrong(
                "source", f"{source.id} is of kind {source.kind}, which is for attachments; rows need another kind"
            )
        return source

    def _known_source(self, table: Table) -> SourceRef:
        id_ = table.choice("source", self.sources)
        return self.sources.get(id_, SourceRef(id_, ""))

    def _relation(self, source: SourceRef, columns: tuple[CatalogColumn, ...]) -> Relation:
        given = [key for key in RELATIONS if self.table.has(key)]
        if len(given) != 1:
            self.table.wrong("", f"needs exactly one of {', '.join(RELATIONS)}; it has {' and '.join(given) or 'none'}")
            return Relation()
        key, kind = given[0], kind_of(source)
        if kind and kind.relations and key not in kind.relations:
            self.table.wrong(
                key, f"source {source.id} is of kind {source.kind}, which is read by {' or '.join(kind.relations)}"
            )
        if key == "http":
            return Relation(http=read_http(self.code, self.table.named("http"), columns, self.mistakes))
        text = self.table.text(key)
        if key == "file":
            check_below_root(self.table, key, text)
            return Relation(path=text)
        return Relation(query=text) if key == "query" else Relation(table=text)

    def _key(self, source: SourceRef) -> tuple[str, ...]:
        """Return the key.

        Files need one only for attachments: the position of a row orders rows as well as a key does.
        """
        kind = kind_of(source)
        needed = kind is None or kind.needs_key or bool(self.table.named("attachments"))
        return self.table.texts("key", needed=needed)

    def _reading(self, source: SourceRef) -> ReadingMode:
        text = self.table.choice("reading", [r.value for r in ReadingMode], ReadingMode.SNAPSHOT.value)
        kind = kind_of(source)
        if text == ReadingMode.KEYSET.value and kind and not kind.keyset:
            allowed = " or ".join(KEYSET_KINDS)
            self.table.wrong(
                "reading", f"keyset is for sources of kind {allowed}, and {source.id} is of kind {source.kind}"
            )
        return ReadingMode(text) if text else ReadingMode.SNAPSHOT

    def _tenant(self) -> TenantColumn | None:
        name = self.table.text("tenant_column", "")
        kind = self.table.choice("tenant_type", [Kind.TEXT.value, Kind.INTEGER.value], Kind.TEXT.value)
        if self.table.has("tenant_type") and not name:
            self.table.wrong("tenant_type", "needs a tenant_column")
        return TenantColumn(name, ColumnType(Kind(kind))) if name and kind else None

    def _changed(self, columns: tuple[CatalogColumn, ...]) -> Changed | None:
        column = named_column(self.table, "changed", columns)
        overlap = self.table.number("changed_overlap_seconds", DEFAULT_OVERLAP_S, keys.SECONDS)
        if column and column.type.kind is not Kind.TIMESTAMP:
            self.table.wrong("changed", f"{column.field} is {column.type}; only a timestamp is allowed")
        return Changed(column, overlap) if column else None

    # ---- formats, order and attachments

    def _formats(self) -> tuple[Format, ...]:
        names = self.table.texts("formats", needed=True)
        for name in names:
            if name not in Format.__members__:
                self.table.wrong("formats", f'"{name}" is not known; {hint(name, Format.__members__)}')
        return tuple(Format[name] for name in names if name in Format.__members__)

    def _order(
        self, columns: tuple[CatalogColumn, ...], reading: ReadingMode, key: tuple[str, ...]
    ) -> tuple[FieldOrder, ...]:
        sortable = {c.field: c for c in columns if c.sort}
        terms = [(text.removeprefix("-"), text.startswith("-")) for text in self.table.texts("order", needed=False)]
        for name, _ in terms:
            if name not in sortable:
                unsortable = any(c.field == name for c in columns)
                why = "cannot be ordered by" if unsortable else "is not a field"
                self.table.wrong("order", f'"{name}" {why}; {hint(name, sortable)}')
        if len({name for name, _ in terms}) < len(terms):
            self.table.wrong("order", "has the same field twice")
        order = tuple(FieldOrder(sortable[name], descending) for name, descending in terms if name in sortable)
        if reading is ReadingMode.KEYSET and any(
            t.descending or t.column.name != k for t, k in zip(order, key, strict=False)
        ):
            self.table.wrong("order", f"reading by keyset has one order only: {', '.join(key)}, ascending")
        return order

    def _attachments(self, source: SourceRef, relation: Relation, key: tuple[str, ...]) -> tuple[AttachmentSpec, ...]:
        read = []
        for file_type, content in self.table.named("attachments").items():
            name = f'[collections.{self.code}.attachments."{file_type}"]'
            table = Table(name, content, keys.ATTACHMENT, self.mistakes)
            read.append(read_attachment(table, file_type, self._known_source(table), (source, relation, key)))
        return tuple(read)


# ---- other functions


def _orders(relation: Relation, reading: ReadingMode, key: tuple[str, ...]) -> Container[str] | None:
    """Return the columns of the source that rows can be ordered by, if the way of reading restricts them; None: all."""
    if relation.http is not None:
        return [order.column for order in relation.http.order]
    return key if reading is ReadingMode.KEYSET else None


def _shown_bytes(collection: Collection) -> int:
    texts = [collection.code, collection.path, collection.description]
    texts += [attachment.file_type for attachment in collection.attachments]
    texts += [text for column in collection.columns for text in (column.field, column.header)]
    return sum(len(text.encode()) for text in texts) + keys.COLUMN_BYTES * len(collection.columns)


def _limits(table: Table) -> Limits:
    return Limits(
        max_rows=table.number("max_rows", 0, keys.ROW_LIMITS),
        max_snapshot_s=table.number("max_snapshot_seconds", 0, range(1, keys.SECONDS.stop)),
    )


def _segment(part: str) -> Segment:
    is_parameter = part.startswith("{") and part.endswith("}")
    return Segment(part[1:-1] if is_parameter else part, is_parameter)


def _is_sound(segment: Segment) -> bool:
    return is_name(segment.text) if segment.is_parameter else is_word(segment.text)
