"""One collection of the catalog file."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from services.api.catalog.grammar import RESERVED
from services.api.catalog.model import CatalogColumn, Collection, FieldOrder, PathParameter, Segment
from services.api.catalog.nearest import hint, listed
from services.api.catalog.table import Mistake, Table
from services.api.catalog.values import FILTERABLE
from services.contract.formats import Format
from services.contract.spec import AttachmentSpec, ColumnType, Kind, Relation, SourceRef

FOLDER = "folder"
RELATIONS = {"table": ("sql",), "query": ("sql",), "file": ("parquet", "csv")}
"""Kinds of source that each sort of relation is read from."""

UNSORTABLE = frozenset({Kind.JSON, Kind.BINARY})
MOST_DIGITS = 38

_KEYS = (
    "path", "description", "source", *RELATIONS, "key", "formats", "order", "parameters", "columns", "attachments",
)  # fmt: skip
_COLUMN_KEYS = ("field", "name", "type", "header", "filter", "sort")
_PARAMETER_KEYS = ("column", "type", "optional")
_ATTACHMENT_KEYS = ("source", "path")

_FILES = ("parquet", "csv")

_IDENTIFIER = r"[^\W\d][\w-]*"
_FIELD = re.compile(rf"{_IDENTIFIER}(\.{_IDENTIFIER})*")
_NAME = re.compile(_IDENTIFIER)
_WORD = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_DECIMAL = re.compile(r"decimal\(\s*([0-9]{1,2})\s*,\s*([0-9]{1,2})\s*\)")
_PLACEHOLDERS = re.compile(r"([^{}]|\{[^{}]+\})*")


class CollectionReader:
    """Reads the table `[collections.CODE]`; `sources` are those of the file, by id."""

    def __init__(self, code: str, content: object, sources: Mapping[str, SourceRef], mistakes: list[Mistake]) -> None:
        self.code = code
        self.sources = sources
        self.mistakes = mistakes
        self.table = Table(f"[collections.{code}]", content, _KEYS, mistakes)

    def read(self) -> Collection:
        """Fit for use only when no mistake was noted."""
        if not _NAME.fullmatch(self.code):
            self.table.wrong("", "a code is letters, digits, _ and -, and begins with a letter")
        segments = self._segments()
        columns = self._columns()
        source = self._source()
        relation = self._relation(source)
        attachments = self._attachments()
        return Collection(
            code=self.code,
            segments=segments,
            description=self.table.text("description", ""),
            source=source,
            relation=relation,
            key=self._key(source, attachments),
            columns=columns,
            formats=self._formats(),
            order=self._order(columns),
            parameters=self._parameters(segments, columns),
            attachments=attachments,
        )

    def _key(self, source: SourceRef, attachments: tuple[AttachmentSpec, ...]) -> tuple[str, ...]:
        """Rows of files have a place, which orders them as well as a key does; attachments are named by a key."""
        return self.table.texts("key", needed=source.kind not in _FILES or bool(attachments))

    # ---- where it is

    def _segments(self) -> tuple[Segment, ...]:
        path = self.table.text("path")
        segments = tuple(_segment(part) for part in path.split("/")[1:])
        names = [s.text for s in segments if s.is_parameter]
        if path and not (path.startswith("/") and all(_is_sound(s) for s in segments)):
            self.table.wrong(
                "path", f'"{path}" is no path: "/word" and "/{{parameter}}" in turn, without a / at the end'
            )
        elif path and len(names) == len(segments):
            self.table.wrong("path", "needs a word beside its parameters")
        if len(set(names)) < len(names):
            self.table.wrong("path", "has the same parameter twice")
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
        table = Table(f"[collections.{self.code}.parameters.{name}]", content, _PARAMETER_KEYS, self.mistakes)
        type_ = _column_type(table)
        parameter = PathParameter(name, table.text("column"), type_, table.flag("optional", default=False))
        if name in RESERVED:
            table.wrong("", f"{name} is a word of the query grammar; call it something else")
        if type_.kind not in FILTERABLE:
            table.wrong(
                "type", f"{type_} cannot be compared; allowed: {listed([k.value for k in Kind if k in FILTERABLE])}"
            )
        if any(c.field == name and (c.name, c.type) != (parameter.column, type_) for c in columns):
            table.wrong("", f"there is a column with the field {name} that has another name or type")
        return parameter

    # ---- where its rows are

    def _source(self) -> SourceRef:
        source = self._known_source(self.table, "source")
        if source.kind == FOLDER:
            self.table.wrong(
                "source", f"{source.id} is of kind folder, which is for attachments; rows come from others"
            )
        return source

    def _known_source(self, table: Table, key: str) -> SourceRef:
        id_ = table.choice(key, self.sources)
        return self.sources.get(id_, SourceRef(id_, ""))

    def _relation(self, source: SourceRef) -> Relation:
        given = [key for key in RELATIONS if self.table.has(key)]
        if len(given) != 1:
            self.table.wrong("", f"needs exactly one of {', '.join(RELATIONS)}; it has {' and '.join(given) or 'none'}")
            return Relation()
        key, text = given[0], self.table.text(given[0])
        if source.kind and source.kind != FOLDER and source.kind not in RELATIONS[key]:
            fitting = " or ".join(k for k, kinds in RELATIONS.items() if source.kind in kinds)
            self.table.wrong(key, f"source {source.id} is of kind {source.kind}, which is read by {fitting}")
        if key == "file":
            _check_below_root(self.table, key, text)
        return Relation(**{"path" if key == "file" else key: text})

    # ---- what it shows

    def _columns(self) -> tuple[CatalogColumn, ...]:
        columns = tuple(self._column(n, content) for n, content in enumerate(self.table.listed("columns"), 1))
        fields = [c.field for c in columns]
        for field in dict.fromkeys(f for f in fields if f and fields.count(f) > 1):
            self.table.wrong("columns", f"the field {field} is there {fields.count(field)} times")
        return columns

    def _column(self, number: int, content: object) -> CatalogColumn:
        table = Table(f"[[collections.{self.code}.columns]] no. {number}", content, _COLUMN_KEYS, self.mistakes)
        field = table.text("field")
        if field and not _FIELD.fullmatch(field):
            table.wrong("field", f'"{field}" is no name: letters, digits, _ and -, parts joined by dots')
        type_ = _column_type(table)
        can_filter = table.flag("filter", default=type_.kind in FILTERABLE and field not in RESERVED)
        column = CatalogColumn(
            field=field,
            name=table.text("name", field),
            header=table.text("header", field),
            type=type_,
            filter=can_filter,
            sort=table.flag("sort", default=can_filter),
        )
        _check_use(table, column)
        return column

    def _formats(self) -> tuple[Format, ...]:
        names = self.table.texts("formats", needed=True)
        for name in names:
            if name not in Format.__members__:
                self.table.wrong("formats", f'"{name}" is not known; {hint(name, Format.__members__)}')
        return tuple(Format[name] for name in names if name in Format.__members__)

    def _order(self, columns: tuple[CatalogColumn, ...]) -> tuple[FieldOrder, ...]:
        sortable = {c.field: c for c in columns if c.sort}
        terms = [(text.removeprefix("-"), text.startswith("-")) for text in self.table.texts("order", needed=False)]
        for name, _ in terms:
            if name not in sortable:
                unsortable = any(c.field == name for c in columns)
                why = "cannot be ordered by" if unsortable else "is no field"
                self.table.wrong("order", f'"{name}" {why}; {hint(name, sortable)}')
        if len({name for name, _ in terms}) < len(terms):
            self.table.wrong("order", "has the same field twice")
        return tuple(FieldOrder(sortable[name], descending) for name, descending in terms if name in sortable)

    def _attachments(self) -> tuple[AttachmentSpec, ...]:
        return tuple(self._attachment(*named) for named in self.table.named("attachments").items())

    def _attachment(self, file_type: str, content: object) -> AttachmentSpec:
        name = f'[collections.{self.code}.attachments."{file_type}"]'
        table = Table(name, content, _ATTACHMENT_KEYS, self.mistakes)
        if not file_type.strip():
            table.wrong("", "a file type cannot be empty")
        source = self._known_source(table, "source")
        if source.kind not in {"", FOLDER}:
            table.wrong("source", f"{source.id} is of kind {source.kind}; attachments come from kind folder")
        path = table.text("path")
        if not _PLACEHOLDERS.fullmatch(path):
            table.wrong("path", "a placeholder is {column}, with a name in it and both braces")
        _check_below_root(table, "path", path)
        return AttachmentSpec(file_type, source, path)


# ---- syntax


def _segment(part: str) -> Segment:
    is_parameter = part.startswith("{") and part.endswith("}")
    return Segment(part[1:-1] if is_parameter else part, is_parameter)


def _is_sound(segment: Segment) -> bool:
    return (_NAME if segment.is_parameter else _WORD).fullmatch(segment.text) is not None


def column_type(text: str) -> ColumnType | None:
    """The type of `decimal(18,2)` or of one of the other kinds' names; None when it is none."""
    decimal = _DECIMAL.fullmatch(text)
    if decimal:
        precision, scale = int(decimal[1]), int(decimal[2])
        return (
            ColumnType(Kind.DECIMAL, precision, scale) if scale <= precision and 1 <= precision <= MOST_DIGITS else None
        )
    kinds = {kind.value: kind for kind in Kind if kind is not Kind.DECIMAL}
    return ColumnType(kinds[text]) if text in kinds else None


def _column_type(table: Table) -> ColumnType:
    """Text when the type is wrong, so that no other mistake follows from it."""
    text = table.text("type", Kind.TEXT.value)
    type_ = column_type(text)
    if text and type_ is None:
        names = [k.value for k in Kind if k is not Kind.DECIMAL]
        decimal = text.startswith(Kind.DECIMAL.value)
        allowed = f"decimal(p,s) has 1 to {MOST_DIGITS} digits, s of them (0 to p) after the point"
        table.wrong("type", f'"{text}" is no type; {allowed if decimal else hint(text, [*names, "decimal(p,s)"])}')
    return type_ or ColumnType(Kind.TEXT)


def _check_use(table: Table, column: CatalogColumn) -> None:
    if column.filter and column.type.kind not in FILTERABLE:
        table.wrong("filter", f"{column.type} cannot be filtered by: only false is allowed")
    if column.filter and column.field in RESERVED:
        table.wrong("filter", f"{column.field} is a word of the query grammar: only false is allowed")
    if column.sort and column.type.kind in UNSORTABLE:
        table.wrong("sort", f"{column.type} cannot be ordered by: only false is allowed")


def _check_below_root(table: Table, key: str, path: str) -> None:
    if path.startswith("/") or "\\" in path or ".." in PurePosixPath(path).parts:
        table.wrong(key, "must be below the source's root: no / at the start, no .. and no backslash")
