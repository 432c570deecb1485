"""What chaos takes for the files of an export."""

import io
import json
import zipfile
from collections.abc import AsyncGenerator
from dataclasses import replace
from hashlib import sha256

import pytest

from chaos.archives import MANIFEST, MISSING
from chaos.content import entry_name
from chaos.draw import round_of
from chaos.file_checks import FileChecks
from chaos.findings import Findings, Violation
from chaos.workload import PAPERS, ROWS, SCAN, attachment, attachment_path, rows
from exportd_client import Export, File, FileDamaged

SEPARATE = replace(
    round_of(1, 0).scenarios[0],
    collection=PAPERS,
    format="jsonl",
    packaging="separate",
    file_types=(SCAN,),
    password=False,
)


class Store:
    """Serves files as ExportClient does; those that it does not have are damaged."""

    def __init__(self, **contents: bytes) -> None:
        self.contents = contents

    async def stream(self, file: File, *, offset: int, limit: int) -> AsyncGenerator[bytes]:
        if file.id not in self.contents:
            raise FileDamaged("gone")
        yield self.contents[file.id]


def _table() -> bytes:
    names = {n: [entry_name(SCAN, n)] if attachment(SCAN, n) is not None else [] for n, _ in rows(PAPERS)}
    return b"".join(json.dumps({"n": n, "text": t, "files": names[n]}).encode() + b"\n" for n, t in rows(PAPERS))


def _attachments(**changed: bytes) -> tuple[bytes, list[tuple[str, int]]]:
    entries, missing = {}, "file_type,path,key\r\n"
    for n in range(ROWS[PAPERS]):
        content = changed.get(f"row{n}", attachment(SCAN, n))
        if content is None:
            missing += f"{SCAN},{attachment_path(SCAN, n)},{n}\r\n"
        else:
            entries[entry_name(SCAN, n)] = content
    entries[MISSING] = missing.encode()
    listed = [{"name": n, "size_bytes": len(e), "sha256": sha256(e).hexdigest()} for n, e in entries.items()]
    about = {"export_id": "e", "rows_matched": 150, "rows_written": 150, "entry_count": len(entries)}
    entries[MANIFEST] = json.dumps(about | {"entries": listed}).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return packed.getvalue(), [(name, len(content)) for name, content in entries.items()]


def _file(id_: str, extension: str, data: bytes, row_count: int = 0) -> File:
    digest = sha256(data).hexdigest()
    return File(id=id_, extension=extension, size_bytes=len(data), sha256=digest, row_count=row_count)


def _separate(**changed: bytes) -> tuple[Export, Store]:
    """Of a source with these attachments in place of its own."""
    table, (packed, listed) = _table(), _attachments(**changed)
    export = Export(id="e", state=Export.STATE_COMPLETED)
    export.file.CopyFrom(_file("table", "jsonl", table, ROWS[PAPERS]))
    export.attachments_file.CopyFrom(_file("beside", "zip", packed))
    export.attachments_file.entry_count = len(listed)
    for name, size in listed[:100]:
        export.attachments_file.entries.add(name=name, size_bytes=size)
    export.result.rows_matched = export.result.rows_written = ROWS[PAPERS]
    export.result.warnings.add(code="ATTACHMENT_MISSING", message="not there", count=15)
    return export, Store(table=table, beside=packed)


async def _found(export: Export, store: Store) -> list[Violation]:
    findings = Findings()
    await FileChecks(findings).check(store, export, SEPARATE)  # type: ignore[arg-type] - it is asked for nothing else
    return [finding.violation for finding in findings.all]


async def test_both_files_of_a_separate_export_are_looked_at() -> None:
    assert await _found(*_separate()) == []


async def test_a_second_file_that_is_not_there_is_found() -> None:
    export, store = _separate()
    export.ClearField("attachments_file")
    assert Violation.BAD_SEPARATE in await _found(export, store)


async def test_attachments_that_are_no_zip_are_found() -> None:
    export, store = _separate()
    export.attachments_file.extension = "jsonl"
    assert Violation.BAD_SEPARATE in await _found(export, store)


async def test_two_files_of_one_id_are_found() -> None:
    export, store = _separate()
    export.file.id = "beside"
    assert Violation.BAD_SEPARATE in await _found(export, store)


@pytest.mark.parametrize("id_", ["table", "beside"])
async def test_either_file_that_is_cut_is_found(id_: str) -> None:
    export, store = _separate()
    store.contents[id_] = store.contents[id_][:-1]
    assert await _found(export, store) == [Violation.BAD_SHA256]


@pytest.mark.parametrize("id_", ["table", "beside"])
async def test_either_file_that_is_gone_is_found(id_: str) -> None:
    export, store = _separate()
    del store.contents[id_]
    assert await _found(export, store) == [Violation.BAD_SHA256]


async def test_a_table_that_lacks_a_row_is_found() -> None:
    export, store = _separate()
    table = b"".join(_table().splitlines(keepends=True)[:-1])
    store.contents["table"] = table
    export.file.CopyFrom(_file("table", "jsonl", table, ROWS[PAPERS]))
    assert await _found(export, store) == [Violation.BAD_SHA256]


async def test_attachments_that_are_not_those_of_the_source_are_found() -> None:
    assert await _found(*_separate(row1=bytes(397))) == [Violation.BAD_ATTACHMENT]


async def test_a_number_of_missing_attachments_that_is_not_so_is_found() -> None:
    export, store = _separate()
    export.result.warnings[0].count = 14
    assert await _found(export, store) == [Violation.BAD_ATTACHMENT]


async def test_a_row_count_that_is_not_so_is_found() -> None:
    export, store = _separate()
    export.file.row_count = 149
    assert await _found(export, store) == [Violation.BAD_SHA256]


async def test_a_file_that_says_that_it_is_encrypted_is_found() -> None:
    export, store = _separate()
    export.file.encrypted = True
    assert await _found(export, store) == [Violation.BAD_ENCRYPTION]
