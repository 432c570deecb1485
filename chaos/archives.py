"""Checks ZIPs: the table, the attachments and missing attachments, the manifest, and the encryption."""

import csv
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO, StringIO
from typing import Any

import pyzipper

from chaos.content import BadAttachment, BadContent, entry_name
from chaos.workload import PAPERS, PASSWORD, ROWS, attachment, attachment_path
from exportd_client import Export, File

MANIFEST = "manifest.json"
MISSING = "missing-files.csv"
_AES = 99
"""The compression method that stands for WinZip's AES."""

_ENCRYPTED_FLAG = 1
_MAX_LISTED = 100


class BadEncryption(BadContent):
    """A file with a password is not encrypted, a file without one is, or the password does not open it."""


@dataclass(frozen=True, slots=True)
class ArchiveContent:
    """The expected content of a ZIP: attachments of these types, and the table unless `table_extension` is empty."""

    file_types: tuple[str, ...]
    table_extension: str
    encrypted: bool


def check(data: bytes, file: File, export: Export, content: ArchiveContent) -> bytes:
    """Return the table; empty if there should be none. Raises BadContent."""
    with _opened(data, content) as archive:
        names = archive.namelist()
        table_name = _table_name(names, content)
        _check_names(names, table_name, content)
        _check_attachments(archive, content.file_types)
        _check_manifest(archive, export)
        _check_listing(archive, file)
        return archive.read(table_name) if table_name else b""


def _opened(data: bytes, content: ArchiveContent) -> zipfile.ZipFile:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        sealed = [info.flag_bits & _ENCRYPTED_FLAG and info.compress_type == _AES for info in archive.infolist()]
    if not all(bool(each) is content.encrypted for each in sealed):
        raise BadEncryption(f"{sum(map(bool, sealed))} of {len(sealed)} entries are encrypted")
    if not content.encrypted:
        return zipfile.ZipFile(BytesIO(data))
    opened = pyzipper.AESZipFile(BytesIO(data))
    opened.setpassword(PASSWORD.encode())
    return opened  # type: ignore[no-any-return]  # pyzipper has no types; it is a ZipFile


def _table_name(names: list[str], content: ArchiveContent) -> str:
    if not content.table_extension:
        return ""
    names_in_root = [n for n in names if n != MISSING and "/" not in n and n.endswith(f".{content.table_extension}")]
    tables = [name for name in names_in_root if name != MANIFEST]
    if len(tables) != 1:
        raise BadContent(f"{len(tables)} tables among {names}")
    return tables[0]


def _check_names(names: list[str], table_name: str, content: ArchiveContent) -> None:
    attachments = [entry_name(file_type, n) for file_type, n, present in _attachments(content.file_types) if present]
    expected = {*attachments, MANIFEST, *([table_name] if table_name else [])}
    if content.file_types:
        expected.add(MISSING)  # some of each type are missing
    if len(names) != len(set(names)):
        raise BadAttachment("a name stands twice in the ZIP")
    if set(names) != expected:
        raise BadAttachment(f"without {sorted(expected - set(names))}, with {sorted(set(names) - expected)}")


def _check_attachments(archive: zipfile.ZipFile, file_types: tuple[str, ...]) -> None:
    for file_type, n, present in _attachments(file_types):
        if present and archive.read(entry_name(file_type, n)) != attachment(file_type, n):
            raise BadAttachment(f"{entry_name(file_type, n)} is not what the source has")
    if file_types:
        lines = list(csv.reader(StringIO(archive.read(MISSING).decode(), newline="")))
        expected = [["file_type", "path", "key"], *_missing(file_types)]
        if lines != expected:
            raise BadAttachment(f"{MISSING} says {lines} instead of {expected}")


def _missing(file_types: tuple[str, ...]) -> list[list[str]]:
    """Return the missing attachments by row, and within a row by type."""
    gone = [(n, file_type) for file_type, n, present in _attachments(file_types) if not present]
    ordered = sorted(gone, key=lambda each: (each[0], file_types.index(each[1])))
    return [[file_type, attachment_path(file_type, n), str(n)] for n, file_type in ordered]


def missing_count(file_types: tuple[str, ...]) -> int:
    """Return how many attachments of these types the source does not have."""
    return sum(not present for _, _, present in _attachments(file_types))


def _attachments(file_types: tuple[str, ...]) -> Iterator[tuple[str, int, bool]]:
    """Yield type, row, and whether the source has the attachment."""
    for file_type in file_types:
        for n in range(ROWS[PAPERS]):
            yield file_type, n, attachment(file_type, n) is not None


def _check_manifest(archive: zipfile.ZipFile, export: Export) -> None:
    manifest = json.loads(archive.read(MANIFEST))
    about = (manifest["export_id"], manifest["rows_matched"], manifest["rows_written"])
    if about != (export.id, export.result.rows_matched, export.result.rows_written):
        raise BadContent(f"the manifest speaks of {about}")
    expected = [_listed(archive, name) for name in archive.namelist() if name != MANIFEST]
    if manifest["entries"] != expected or manifest["entry_count"] != len(expected):
        raise BadContent("the manifest lists other entries than there are")


def _listed(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    content = archive.read(name)
    return {"name": name, "size_bytes": len(content), "sha256": sha256(content).hexdigest()}


def _check_listing(archive: zipfile.ZipFile, file: File) -> None:
    entries = [(info.filename, len(archive.read(info))) for info in archive.infolist()]
    listed = [(entry.name, entry.size_bytes) for entry in file.entries]
    if file.entry_count != len(entries) or listed != entries[:_MAX_LISTED]:
        raise BadContent(f"{len(entries)} entries, and {file.entry_count} announced: {listed}")
