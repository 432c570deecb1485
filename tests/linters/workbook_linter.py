"""Faults of a workbook: the container, its parts and how they refer to each other, the styles, and every sheet."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import normpath
from typing import BinaryIO, cast
from xml.etree import ElementTree as ET

from tests.linters.element_order import WORKBOOK, in_order
from tests.linters.fault import Fault
from tests.linters.sheet_linter import MAX_UNITS, Sheet, read_sheet
from tests.linters.style_linter import style_faults
from tests.linters.zip_linter import zip_faults

CONTENT_TYPES = "[Content_Types].xml"
FIRST = (CONTENT_TYPES, "_rels/.rels")
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

_OFFICE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_RELS = "application/vnd.openxmlformats-package.relationships+xml"
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_TYPES = {
    "officeDocument": f"{_SHEET}.sheet.main+xml",
    "worksheet": f"{_SHEET}.worksheet+xml",
    "styles": f"{_SHEET}.styles+xml",
    "sharedStrings": f"{_SHEET}.sharedStrings+xml",
    "theme": "application/vnd.openxmlformats-officedocument.theme+xml",
    "core-properties": "application/vnd.openxmlformats-package.core-properties+xml",
    "extended-properties": "application/vnd.openxmlformats-officedocument.extended-properties+xml",
}
"""The content type of the part that a type of relationship leads to."""

_NAME = re.compile(r"(?!')[^\[\]:*?/\\\x00-\x1f]{1,31}(?<!')")
_FILTER = "_xlnm._FilterDatabase"
_XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


@dataclass(frozen=True)
class Relation:
    """A relationship; `target` is the name of the part that it leads to."""

    owner: str
    id: str
    kind: str
    target: str


def workbook_faults(file: BinaryIO) -> list[Fault]:
    """Every fault of a workbook in a seekable file."""
    faults = zip_faults(file, FIRST)
    if any(fault.rule in ("zip-structure", "zip-content", "zip-crc") for fault in faults):
        return faults
    with zipfile.ZipFile(file) as book:
        try:
            return faults + list(_package_faults(book))
        except (ET.ParseError, KeyError) as problem:
            return [*faults, Fault("part-unreadable", str(problem))]


def _package_faults(book: zipfile.ZipFile) -> Iterator[Fault]:
    names = book.namelist()
    types, faults = _content_types(book, names)
    yield from faults
    relations = [r for name in names if name.endswith(".rels") for r in _relations(book, name)]
    yield from _relation_faults(names, types, relations)
    main = next((r.target for r in relations if r.kind == "officeDocument"), None)
    if main is None or main not in names:
        yield Fault("part-no-workbook", "no relationship leads to one")
        return
    own = {r.id: r for r in relations if r.owner == main}
    for kind in ("styles", "theme"):
        if kind not in {r.kind for r in own.values()}:
            yield Fault("part-missing", kind)
    styles = next((r.target for r in own.values() if r.kind == "styles"), None)
    formats = None
    if styles in names:
        formats, style_problems = style_faults(ET.fromstring(book.read(str(styles))))  # noqa: S314 - our own file
        yield from style_problems
    yield from _book_faults(book, ET.fromstring(book.read(main)), own, formats)  # noqa: S314


def _content_types(book: zipfile.ZipFile, names: list[str]) -> tuple[dict[str, str], list[Fault]]:
    """The content type of each part that has one."""
    faults: list[Fault] = []
    defaults: dict[str, str] = {}
    overrides: dict[str, str] = {}
    for item in ET.fromstring(book.read(CONTENT_TYPES)):  # noqa: S314
        single = item.tag.endswith("Override")
        key = item.attrib["PartName"].removeprefix("/") if single else item.attrib["Extension"].lower()
        if key in (overrides if single else defaults):
            faults.append(Fault("type-duplicate", key))
        (overrides if single else defaults)[key] = item.attrib["ContentType"]
    faults += [Fault("type-without-part", name) for name in overrides if name not in names]
    found = {name: overrides.get(name) or defaults.get(_extension(name), "") for name in names}
    faults += [Fault("part-without-type", n) for n, kind in found.items() if not kind and n != CONTENT_TYPES]
    faults += [Fault("type-wrong", n) for n, kind in found.items() if n.endswith(".rels") and kind != _RELS]
    return found, faults


def _relations(book: zipfile.ZipFile, name: str) -> Iterator[Relation]:
    path = PurePosixPath(name)
    folder = path.parent.parent
    owner = "" if name == "_rels/.rels" else str(folder / path.name.removesuffix(".rels"))
    for item in ET.fromstring(book.read(name)):  # noqa: S314
        target = item.attrib["Target"]
        if item.attrib.get("TargetMode") == "External":
            continue
        whole = target.removeprefix("/") if target.startswith("/") else normpath(f"{folder}/{target}")
        yield Relation(owner, item.attrib["Id"], item.attrib["Type"].rpartition("/")[2], whole)


def _relation_faults(names: list[str], types: dict[str, str], relations: list[Relation]) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    for relation in relations:
        if (relation.owner, relation.id) in seen:
            yield Fault("relation-duplicate", f"{relation.owner}: {relation.id}")
        seen.add((relation.owner, relation.id))
        if relation.owner and relation.owner not in names:
            yield Fault("relation-without-owner", relation.owner)
        if relation.target not in names:
            yield Fault("relation-without-part", relation.target)
        elif relation.kind not in _TYPES:
            yield Fault("relation-unknown", relation.kind)
        elif types[relation.target] not in (_TYPES[relation.kind], ""):
            yield Fault("type-wrong", f"{relation.target}: {types[relation.target]}")
    reached = {relation.target for relation in relations}
    for name in names:
        if name != CONTENT_TYPES and not name.endswith(".rels") and name not in reached:
            yield Fault("part-without-relation", name)


def _book_faults(
    book: zipfile.ZipFile, root: ET.Element, own: dict[str, Relation], formats: int | None
) -> Iterator[Fault]:
    if not in_order(_tags(root), WORKBOOK):
        yield Fault("book-order", " ".join(_tags(root)))
    listed = list(root.iterfind(f"{MAIN}sheets/{MAIN}sheet"))
    yield from _sheet_name_faults([item.attrib["name"] for item in listed])
    if len({item.attrib["sheetId"] for item in listed}) != len(listed):
        yield Fault("book-sheet-id", "not unique")
    sheets: list[Sheet] = []
    for item in listed:
        relation = own.get(item.attrib.get(f"{_OFFICE}id", ""))
        if relation is None or relation.kind != "worksheet" or relation.target not in book.namelist():
            yield Fault("book-sheet-without-part", item.attrib["name"])
            continue
        with book.open(relation.target) as xml:
            sheet = read_sheet(cast("BinaryIO", xml), formats)
        sheets.append(sheet)
        yield from (Fault(fault.rule, f"{item.attrib['name']}: {fault.where}") for fault in sheet.faults)
    yield from _shared_faults(book, own, sheets)
    if len(sheets) == len(listed):
        yield from _filter_faults(root, [item.attrib["name"] for item in listed], sheets)


def _shared_faults(book: zipfile.ZipFile, own: dict[str, Relation], sheets: list[Sheet]) -> Iterator[Fault]:
    """The shared texts are as many as they say, all different, of a cell's length, and each number has one."""
    part = next((r.target for r in own.values() if r.kind == "sharedStrings"), None)
    cells, needed = sum(s.shared_cells for s in sheets), max((s.shared_texts for s in sheets), default=0)
    if part not in book.namelist():
        if cells:
            yield Fault("book-no-shared-texts", f"{cells} cells")
        return
    root = ET.fromstring(book.read(str(part)))  # noqa: S314 - our own file
    texts = [item.findtext(f"{MAIN}t") or "" for item in root]
    said = (int(root.get("count", "-1")), int(root.get("uniqueCount", "-1")))
    if said != (cells, len(texts)) or len(set(texts)) != len(texts) or needed > len(texts):
        yield Fault("book-shared-count", f"{said} said, {cells} cells, {len(texts)} texts, {needed} needed")
    for item in root.iter(f"{MAIN}t"):
        text = item.text or ""
        if len(text.encode("utf-16-le")) // 2 > MAX_UNITS:
            yield Fault("book-shared-long", text[:20])
        if text != text.strip(" \t\n\r") and item.get(_XML_SPACE) != "preserve":
            yield Fault("book-shared-space", text[:20])


def _sheet_name_faults(names: list[str]) -> Iterator[Fault]:
    if not names:
        yield Fault("book-no-sheet", "")
    for name in names:
        too_long = len(name.encode("utf-16-le")) // 2 > 31
        if too_long or not name.strip() or not _NAME.fullmatch(name) or name.casefold() == "history":
            yield Fault("book-sheet-name", name)
    if len({name.casefold() for name in names}) != len(names):
        yield Fault("book-sheet-name-twice", ", ".join(names))


def _filter_faults(root: ET.Element, names: list[str], sheets: list[Sheet]) -> Iterator[Fault]:
    """Each sheet with a filter has the hidden name that says where, and no other sheet has."""
    found: dict[int, str] = {}
    for item in root.iterfind(f"{MAIN}definedNames/{MAIN}definedName"):
        if item.attrib["name"] == _FILTER:
            found[int(item.attrib.get("localSheetId", "-1"))] = item.text or ""
            if item.attrib.get("hidden") not in ("1", "true"):
                yield Fault("book-filter-name", "not hidden")
    wanted = {i: _absolute(names[i], s.auto_filter) for i, s in enumerate(sheets) if s.auto_filter}
    for index in sorted(wanted.keys() | found.keys()):
        if wanted.get(index) != found.get(index):
            yield Fault("book-filter-name", f"sheet {index}: {found.get(index)}, not {wanted.get(index)}")


def _absolute(name: str, reference: str) -> str:
    quoted = name.replace("'", "''")
    return f"'{quoted}'!" + re.sub("([A-Z]+)([0-9]+)", r"$\1$\2", reference)


def _tags(root: ET.Element) -> list[str]:
    return [child.tag.removeprefix(MAIN) for child in root]


def _extension(name: str) -> str:
    return PurePosixPath(name).name.rpartition(".")[2].lower()
