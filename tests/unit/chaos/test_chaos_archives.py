"""What chaos takes for the content of a ZIP."""

import io
import json
import zipfile
from collections.abc import Callable
from hashlib import sha256

import pytest
import pyzipper

from chaos import archives
from chaos.archives import MANIFEST, MISSING, ArchiveContent, BadEncryption
from chaos.content import BadAttachment, BadContent, entry_name
from chaos.workload import FILE_TYPES, NOTE, PAPERS, PASSWORD, ROWS, SCAN, attachment, attachment_path
from exportd_client import Export, File
from tests.tiers import deep

Entries = dict[str, bytes]


def _entries(file_types: tuple[str, ...] = FILE_TYPES) -> Entries:
    """Attachments, what is missing, and a table."""
    entries: Entries = {}
    missing = "file_type,path,key\r\n"
    for n in range(ROWS[PAPERS]):
        for file_type in file_types:
            content = attachment(file_type, n)
            if content is None:
                missing += f"{file_type},{attachment_path(file_type, n)},{n}\r\n"
            else:
                entries[entry_name(file_type, n)] = content
    return entries | {MISSING: missing.encode(), "papers.csv": b"n,text\r\n"}


def _with_manifest(entries: Entries) -> Entries:
    listed = [{"name": n, "size_bytes": len(e), "sha256": sha256(e).hexdigest()} for n, e in entries.items()]
    manifest = {"export_id": "e", "rows_matched": 150, "rows_written": 150, "entry_count": len(listed)}
    return entries | {MANIFEST: json.dumps(manifest | {"entries": listed}).encode()}


def _packed(entries: Entries, *, password: str = "") -> bytes:
    packed = io.BytesIO()
    if password:
        with pyzipper.AESZipFile(packed, "w", encryption=pyzipper.WZ_AES) as archive:
            archive.setpassword(password.encode())
            for name, content in entries.items():
                archive.writestr(name, content)
    else:
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
    return packed.getvalue()


def _check(entries: Entries, content: ArchiveContent, *, password: str = "") -> bytes:
    file = File(extension="zip", entry_count=len(entries))
    for name, data in list(entries.items())[:100]:
        file.entries.add(name=name, size_bytes=len(data))
    export = Export(id="e")
    export.result.rows_matched = export.result.rows_written = 150
    return archives.check(_packed(entries, password=password), file, export, content)


BUNDLE = ArchiveContent(FILE_TYPES, "csv", encrypted=False)


def test_a_bundle_gives_its_table() -> None:
    assert _check(_with_manifest(_entries()), BUNDLE) == b"n,text\r\n"


def test_attachments_apart_have_no_table() -> None:
    entries = _entries((SCAN,))
    del entries["papers.csv"]
    assert _check(_with_manifest(entries), ArchiveContent((SCAN,), "", encrypted=False)) == b""


@deep
def test_an_encrypted_one_is_opened() -> None:
    sealed = ArchiveContent(FILE_TYPES, "csv", encrypted=True)
    assert _check(_with_manifest(_entries()), sealed, password=PASSWORD) == b"n,text\r\n"


def test_a_table_in_the_place_of_attachments_is_found() -> None:
    with pytest.raises(BadAttachment, match=r"papers\.csv"):
        _check(_with_manifest(_entries()), ArchiveContent(FILE_TYPES, "", encrypted=False))


def _without(name: str) -> Callable[[Entries], Entries]:
    return lambda entries: {n: content for n, content in entries.items() if n != name}


def _with(**contents: bytes) -> Callable[[Entries], Entries]:
    names = {"scan": entry_name(SCAN, 5), "missing": MISSING, "stranger": "files/paper.scan/5_6.bin"}
    return lambda entries: entries | {names[key]: content for key, content in contents.items()}


@pytest.mark.parametrize(
    "change",
    [
        _without(entry_name(SCAN, 5)),
        _without(entry_name(NOTE, 149)),
        _without(MISSING),
        _with(scan=b"another"),
        _with(scan=(attachment(SCAN, 5) or b"")[:-1]),
        _with(missing=b"file_type,path,key\r\n"),
        _with(stranger=b""),
    ],
)
def test_attachments_that_are_not_those_of_the_source_are_found(change: Callable[[Entries], Entries]) -> None:
    with pytest.raises(BadAttachment):
        _check(_with_manifest(change(_entries())), BUNDLE)


def test_a_bundle_without_a_table_is_found() -> None:
    with pytest.raises(BadContent, match="0 tables"):
        _check(_with_manifest(_without("papers.csv")(_entries())), BUNDLE)


def test_an_entry_that_stands_twice_is_found() -> None:
    entries = _with_manifest(_entries())
    packed = io.BytesIO(_packed(entries))
    with zipfile.ZipFile(packed, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(entry_name(SCAN, 5), attachment(SCAN, 5) or b"")
    with pytest.raises(BadAttachment, match="twice"):
        archives.check(packed.getvalue(), File(), Export(), BUNDLE)


def test_a_manifest_that_lies_about_an_entry_is_found() -> None:
    entries = _with_manifest(_entries())
    entries["papers.csv"] = b"n,text\r\n0,number 0\r\n"
    with pytest.raises(BadContent, match="manifest lists"):
        _check(entries, BUNDLE)


def test_a_manifest_of_another_export_is_found() -> None:
    entries = _with_manifest(_entries())
    entries[MANIFEST] = entries[MANIFEST].replace(b'"export_id": "e"', b'"export_id": "f"')
    with pytest.raises(BadContent, match="manifest speaks"):
        _check(entries, BUNDLE)


def test_entries_that_are_announced_wrongly_are_found() -> None:
    entries = _with_manifest(_entries())
    export = Export(id="e")
    export.result.rows_matched = export.result.rows_written = 150
    with pytest.raises(BadContent, match="announced"):
        archives.check(_packed(entries), File(entry_count=len(entries)), export, BUNDLE)


@pytest.mark.slow
@pytest.mark.parametrize(("password", "encrypted"), [("", True), (PASSWORD, False)])
def test_what_lies_open_or_is_sealed_against_the_wish_is_found(password: str, encrypted: bool) -> None:
    with pytest.raises(BadEncryption):
        _check(_with_manifest(_entries()), ArchiveContent(FILE_TYPES, "csv", encrypted=encrypted), password=password)


@deep
def test_another_password_is_found() -> None:
    with pytest.raises(Exception, match="password"):
        _check(_with_manifest(_entries()), ArchiveContent(FILE_TYPES, "csv", encrypted=True), password="wrong")


def test_how_many_are_missing_is_counted() -> None:
    assert archives.missing_count((SCAN,)) == 15
    assert archives.missing_count(FILE_TYPES) == 21
    assert archives.missing_count(()) == 0
