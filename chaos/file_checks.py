"""Checks whether the files of an export are complete, and hold what it asked for."""

import asyncio
import hashlib

from chaos import archives
from chaos.archives import ArchiveContent, BadEncryption
from chaos.callers import files_of
from chaos.calls import file_bytes
from chaos.content import BadAttachment, DuplicateRow, TableReader
from chaos.findings import Findings, Violation
from chaos.plan import Scenario
from chaos.workload import ROWS
from exportd_client import Export, ExportClient, ExportdError, File
from services.contract.codes import WarningCode

_VIOLATIONS: dict[type[Exception], Violation] = {
    DuplicateRow: Violation.DOUBLED,
    BadAttachment: Violation.BAD_ATTACHMENT,
    BadEncryption: Violation.BAD_ENCRYPTION,
}
"""The violations for errors of readers. All other errors mean a wrong file: BAD_SHA256."""


class FileChecks:
    """Downloads each file of completed exports and checks its content."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._tables = TableReader()

    async def check(self, client: ExportClient, export: Export, scenario: Scenario) -> None:
        """Check the file of an export; both files if the packaging is SEPARATE."""
        self._check_kinds(export, scenario)
        for file in files_of(export):
            data = await self._bytes(client, export, file)
            if data is not None:
                await self._check_content(export, file, data, scenario)

    def _check_kinds(self, export: Export, scenario: Scenario) -> None:
        """Check which files there are and whether they are ZIPs. This follows from the request alone."""
        bundled = scenario.packaging == "zip" or scenario.password or (scenario.file_types and not scenario.separate)
        table = "zip" if bundled else scenario.format
        expected = [table, "zip"] if scenario.separate else [table]
        extensions = [file.extension for file in files_of(export)]
        if extensions != expected or len({file.id for file in files_of(export)}) < len(expected):
            self._findings.add(Violation.BAD_SEPARATE, export.id, f"files {extensions} instead of {expected}")
        rows = [file.row_count for file in files_of(export)]
        if rows != [ROWS[scenario.collection], 0][: len(expected)]:
            self._findings.add(Violation.BAD_SHA256, export.id, f"rows {rows} announced")
        if any(file.encrypted is not scenario.password for file in files_of(export)):
            self._findings.add(Violation.BAD_ENCRYPTION, export.id, "a file says of itself what was not asked for")
        missing = [
            warning.count for warning in export.result.warnings if warning.code == WarningCode.ATTACHMENT_MISSING
        ]
        if sum(missing) != archives.missing_count(scenario.file_types):
            self._findings.add(Violation.BAD_ATTACHMENT, export.id, f"{missing} attachments announced as missing")

    async def _bytes(self, client: ExportClient, export: Export, file: File) -> bytes | None:
        """Return the bytes of a file; None if it cannot be downloaded, or has not the announced size and sha256."""
        try:
            data = await file_bytes(client, file)
        except ExportdError as error:
            self._findings.add(Violation.BAD_SHA256, export.id, f"cannot be downloaded: {error!r}")
            return None
        sha256 = hashlib.sha256(data).hexdigest()
        if (sha256, len(data)) != (file.sha256, file.size_bytes):
            text = f"{len(data)} bytes of sha256 {sha256} instead of {file.size_bytes} of {file.sha256}"
            self._findings.add(Violation.BAD_SHA256, export.id, text)
            return None
        return data

    async def _check_content(self, export: Export, file: File, data: bytes, scenario: Scenario) -> None:
        try:
            await asyncio.to_thread(self._look_into, export, file, data, scenario)
        except Exception as bad:  # noqa: BLE001 - any error of a reader means that the file is wrong
            violation = _VIOLATIONS.get(type(bad), Violation.BAD_SHA256)
            self._findings.add(violation, export.id, f"{file.filename}: {bad!r}")

    def _look_into(self, export: Export, file: File, data: bytes, scenario: Scenario) -> None:
        if file.extension != "zip":
            self._tables.check(data, file.extension, scenario.collection, scenario.file_types)
            return
        apart = file.id == export.attachments_file.id
        types = scenario.file_types if apart or not scenario.separate else ()
        content = ArchiveContent(types, "" if apart else scenario.format, scenario.password)
        table = archives.check(data, file, export, content)
        if table:
            self._tables.check(table, scenario.format, scenario.collection, scenario.file_types)
