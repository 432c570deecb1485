"""exportctl as a process: exit codes, JSON, what goes where, Ctrl-C."""

import asyncio
import hashlib
import json
import os
import pty
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exportd.v1 import export_service_pb2 as service
from exportd_client import Export
from exportd_client.part import part_path
from tests.unit.client.fake_export_service import FakeExportService, Refusal, Serving, eventually

CONTENT = b"id,total\r\n1,10.00\r\n2,20.00\r\n3,30.00\r\n"
PROGRAM = (sys.executable, "-m", "exportd_client.cli")


@dataclass
class Ended:
    code: int | None
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_error(self) -> Any:
        return json.loads(self.err)


Exportctl = Callable[..., Awaitable[Ended]]
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
def start(serving: Serving) -> Start:
    async def started(*words: str, **environment: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *PROGRAM,
            *words,
            env={**os.environ, "EXPORTD_TARGET": serving.target, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    return started


@pytest.fixture
def exportctl(start: Start) -> Exportctl:
    async def ended(*words: str | Path, **environment: str) -> Ended:
        return await end_of(await start(*map(str, words), **environment))

    return ended


async def end_of(process: asyncio.subprocess.Process) -> Ended:
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert b"\x1b" not in out + err, "a pipe gets no control characters"
    return Ended(process.returncode, out, err.decode())


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def build(fake: FakeExportService, content: bytes = CONTENT) -> Export:
    """Builds the export that is asked for next, once somebody watches."""
    await eventually(lambda: fake.watchers)
    [export] = fake.exports.values()
    await fake.change(export.id, state=Export.PROCESSING)
    export.progress.phase, export.progress.rows_written, export.progress.rows_total = 2, 2, 3
    await fake.change(export.id)
    fake.put_file(export.id, content)
    await fake.change(export.id, state=Export.COMPLETED)
    return export


async def test_create_prints_the_export(exportctl: Exportctl, fake: FakeExportService) -> None:
    ended = await exportctl("create", "/invoices?total[gt]=[b]5[/b]", "--format", "csv")
    assert (ended.code, ended.err) == (0, "")
    assert b"/invoices?total[gt]=[b]5[/b]\n" in ended.out
    assert b"QUEUED" in ended.out


async def test_create_passes_on_every_option(exportctl: Exportctl, fake: FakeExportService) -> None:
    await exportctl(
        *("create", "--type", "Invoices", "--query", "entityId=42", "--format", "XLSX", "--ttl", "1d12h"),
        *("--file-type", "invoice.cfdi.xml", "--label", "team=tax", "--label", "empty=", "--max-attempts", "5"),
        *("--filename", "all", "--request-id", "mine", "--tenant", "acme"),
    )
    assert fake.asked(service.CreateExportRequest) == [
        service.CreateExportRequest(
            type="Invoices",
            query="entityId=42",
            format="FORMAT_XLSX",
            ttl={"seconds": 36 * 3600},
            file_types=["invoice.cfdi.xml"],
            labels={"team": "tax", "empty": ""},
            max_attempts=5,
            filename="all",
            request_id="mine",
        )
    ]
    assert fake.tenants == {"acme"}


async def test_the_whole_job_in_one_command(exportctl: Exportctl, fake: FakeExportService, tmp_path: Path) -> None:
    ended, export = await asyncio.gather(exportctl("create", "/invoices", "-o", tmp_path / "out.csv"), build(fake))
    assert ended.code == 0
    assert (tmp_path / "out.csv").read_bytes() == CONTENT
    assert fake.asked(service.CreateExportRequest)[0].format == export.format == 2
    facts = dict(line.split(maxsplit=1) for line in ended.out.decode().splitlines())
    assert facts["id"] == export.id
    assert facts["state"] == "COMPLETED"
    assert facts["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert facts["path"] == str(tmp_path / "out.csv")
    assert float(facts["seconds"]) >= 0
    assert f"export {export.id}" in ended.err


async def test_the_whole_job_as_one_json_document(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path
) -> None:
    ended, export = await asyncio.gather(
        exportctl("create", "/invoices", "-o", tmp_path, "--output", "json"), build(fake)
    )
    assert (ended.code, ended.err) == (0, "")
    assert ended.json["id"] == export.id
    assert ended.json["state"] == "COMPLETED"
    assert ended.json["file"]["sizeBytes"] == str(len(CONTENT))
    assert ended.json["path"] == str(tmp_path / "invoices.csv")


async def test_a_file_goes_to_stdout_and_nothing_else_does(exportctl: Exportctl, fake: FakeExportService) -> None:
    ended, export = await asyncio.gather(exportctl("create", "/invoices", "-o", "-"), build(fake))
    assert (ended.code, ended.out) == (0, CONTENT)
    assert export.id in ended.err
    assert (await exportctl("download", export.id, "-o", "-", "--output", "json")).out == CONTENT


async def test_a_file_of_another_kind_than_its_name_is_remarked(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path
) -> None:
    ended = await exportctl("download", fake.with_file(CONTENT).id, "-o", tmp_path / "out.xlsx")
    assert (ended.code, "out.xlsx holds a csv file" in ended.err) == (0, True)


async def test_download_by_export_and_by_file(exportctl: Exportctl, fake: FakeExportService, tmp_path: Path) -> None:
    export = fake.with_file(CONTENT)
    fake.cut_downloads_at = [5, 11]
    ended = await exportctl("download", export.id, "-o", tmp_path / "a.csv", "--output", "json")
    assert ended.json["sha256"] == export.file.sha256
    assert (await exportctl("download", "--file", export.file.id, "-o", tmp_path / "b.csv")).code == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["out.csv", "-"])
async def test_a_damaged_download_fails(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path, target: str
) -> None:
    export = fake.with_file(b"x" + CONTENT[1:], announced=CONTENT)
    ended = await exportctl("download", export.id, "-o", target if target == "-" else tmp_path / target)
    assert ended.code == 3
    assert "damaged" in ended.err
    assert names_in(tmp_path) == []


async def test_a_disk_that_refuses_fails(exportctl: Exportctl, fake: FakeExportService, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_bytes(b"")
    (tmp_path / f"out.csv.{hashlib.sha256(CONTENT).hexdigest()[:16]}.part").mkdir()
    ended = await exportctl("download", fake.with_file(CONTENT).id, "-o", tmp_path / "out.csv", "--output", "json")
    assert (ended.code, ended.json_error["code"]) == (3, "LOCAL")


async def test_watch_prints_a_json_line_for_each_change(exportctl: Exportctl, fake: FakeExportService) -> None:
    await exportctl("create", "/invoices")
    [export] = fake.exports.values()
    ended, _ = await asyncio.gather(exportctl("watch", export.id, "--output", "json"), build(fake))
    states = [json.loads(line)["state"] for line in ended.out.splitlines()]
    assert (ended.code, ended.err) == (0, "")
    assert (states[0], states[-1]) == ("QUEUED", "COMPLETED")


@pytest.mark.parametrize(("reason", "code"), [("REQUESTED", 4), ("RETRIES_EXHAUSTED", 3), ("NOT_RETRYABLE", 3)])
async def test_the_exit_code_tells_how_an_export_ended_without_a_file(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path, reason: str, code: int
) -> None:
    async def fail() -> None:
        await eventually(lambda: fake.watchers)
        [export] = fake.exports.values()
        export.result.errors.add(attempt=1, code="SOURCE_UNAVAILABLE", message="no route\x1b[2J")
        cancel_reason = Export.CancelReason.Value(reason)
        await fake.change(export.id, state=Export.CANCELLED, cancel_reason=cancel_reason)

    ended, _ = await asyncio.gather(exportctl("create", "/invoices", "-o", tmp_path / "out.csv"), fail())
    assert ended.code == code
    assert f"CANCELLED ({reason})".encode() in ended.out
    assert b"attempt 1: SOURCE_UNAVAILABLE: no route\\x1b[2J" in ended.out
    assert names_in(tmp_path) == []


async def test_get_cancel_delete(exportctl: Exportctl, fake: FakeExportService) -> None:
    created = (await exportctl("create", "/invoices", "--output", "json")).json
    shown = (await exportctl("get", created["id"], "--output", "json")).json
    assert shown == created
    assert shown["done"] is False
    cancelled = await exportctl("cancel", created["id"], "--only-if-queued", "--output", "json")
    assert (cancelled.code, cancelled.json["cancelReason"]) == (0, "REQUESTED")
    deleted = await exportctl("delete", created["id"], "--output", "json")
    assert (deleted.code, deleted.json) == (0, {})
    assert fake.exports == {}


async def test_list_is_an_object_or_lines_with_tabs(exportctl: Exportctl, fake: FakeExportService) -> None:
    assert (await exportctl("list", "--output", "json")).json == {"exports": []}
    exports = [fake.with_file(CONTENT) for _ in range(3)]
    listed = await exportctl("list", "--limit", "2", "--state", "completed", "--output", "json")
    assert [one["id"] for one in listed.json["exports"]] == [exports[2].id, exports[1].id]
    text = await exportctl("list", "--limit", "2")
    assert text.out.decode().splitlines()[1].split("\t")[:3] == [exports[2].id, "COMPLETED", "Invoices"]
    assert "there are more" in text.err


async def test_collections(exportctl: Exportctl) -> None:
    assert b"/entities/{entityId}/invoices" in (await exportctl("collections")).out
    [collection] = (await exportctl("--output", "json", "collections")).json["collections"]
    assert (collection["type"], collection["formats"]) == ("Invoices", ["FORMAT_CSV"])


async def test_a_refusal_names_each_field(exportctl: Exportctl, fake: FakeExportService) -> None:
    violations = {"uri": "no parameter 'isuedAt'; the nearest is 'issuedAt'", "ttl": "at least 1 minute"}
    refusal = Refusal("INVALID_ARGUMENT", "INVALID_REQUEST", "invalid", {"a": "b"}, violations)
    fake.refusals["CreateExport"] = [refusal, refusal]
    text = await exportctl("create", "/invoices")
    assert (text.code, text.out) == (2, b"")
    assert text.err.splitlines() == [f"{name}: {description}" for name, description in violations.items()]
    ended = await exportctl("create", "/invoices", "--output", "json")
    assert (ended.code, ended.out) == (2, b"")
    assert ended.json_error == {
        "code": "INVALID_ARGUMENT",
        "reason": "INVALID_REQUEST",
        "message": "invalid",
        "violations": [{"field": name, "description": text} for name, text in violations.items()],
        "metadata": {"a": "b"},
    }


async def test_a_refusal_without_fields_is_one_line(exportctl: Exportctl) -> None:
    ended = await exportctl("get", "nothing")
    assert (ended.code, ended.out) == (2, b"")
    assert ended.err == "no such export; exportctl list shows those there are (EXPORT_NOT_FOUND)\n"


@pytest.mark.parametrize(
    "words",
    [
        ["create"],
        ["create", "/invoices", "--type", "Invoices"],
        ["create", "/invoices", "--ttl", "soon"],
        ["create", "/invoices", "--label", "novalue"],
        ["create", "/invoices", "-o", "/no/such/directory/out.csv"],
        ["create", "/invoices", "-o", "/dev/null"],
        ["create", "/invoices", "--tenant", "Müller"],
        ["frobnicate"],
    ],
    ids=" ".join,
)
async def test_a_wrong_command_line_asks_nothing_of_the_service(
    exportctl: Exportctl, fake: FakeExportService, words: list[str]
) -> None:
    ended = await exportctl("--output", "json", *words)
    assert (ended.code, ended.out) == (2, b"")
    assert ended.json_error["message"]
    assert fake.exports == {}


async def test_nobody_there_is_told_with_the_way_out(exportctl: Exportctl, serving: Serving) -> None:
    await serving.stop()
    ended = await exportctl("get", "any")
    assert ended.code == 5
    assert serving.target in ended.err
    assert "EXPORTD_TARGET" in ended.err


async def test_options_may_stand_before_or_after_the_command(exportctl: Exportctl, fake: FakeExportService) -> None:
    await exportctl("--tenant", "before", "list", EXPORTD_TENANT="environment")
    assert fake.tenants == {"before"}
    await exportctl("--tenant", "before", "list", "--tenant", "after")
    assert fake.tenants == {"before", "after"}
    await exportctl("list", EXPORTD_TENANT="environment")
    assert fake.tenants == {"before", "after", "environment"}


@pytest.mark.parametrize("words", [["watch", "export-1"], ["create", "/invoices", "--request-id", "mine", "--wait"]])
async def test_ctrl_c_leaves_the_export_alone_and_says_how_to_go_on(
    start: Start, exportctl: Exportctl, serving: Serving, fake: FakeExportService, words: list[str]
) -> None:
    await exportctl("create", "/invoices", "--request-id", "mine")
    process = await start(*words)
    await eventually(lambda: fake.watchers)
    process.send_signal(signal.SIGINT)
    ended = await end_of(process)
    assert ended.code == 130
    assert f"exportctl watch export-1 --target={serving.target}" in ended.err
    assert "Traceback" not in ended.err
    assert fake.exports["export-1"].state == Export.QUEUED
    assert fake.asked(service.CancelExportRequest) == []


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
async def test_a_download_that_was_stopped_goes_on_when_it_is_repeated(
    start: Start, exportctl: Exportctl, fake: FakeExportService, tmp_path: Path, blow: signal.Signals
) -> None:
    content = random.Random(7).randbytes(90_000)
    export = fake.with_file(content)
    fake.stall_downloads_at = [80_000]
    process = await start("download", export.id, "-o", str(tmp_path / "out.csv"))
    part = part_path(tmp_path / "out.csv", export.file)
    # What a process buffers is lost with it, so that the last few kilobytes may be missing.
    await eventually(lambda: part.exists() and part.stat().st_size > 60_000)
    process.send_signal(blow)
    stopped = await end_of(process)
    assert (stopped.code, "go on with: exportctl download" in stopped.err) in [(130, True), (-signal.SIGKILL, False)]
    assert (await exportctl("download", export.id, "-o", tmp_path / "out.csv")).code == 0
    assert fake.asked(service.DownloadFileRequest)[-1].offset > 60_000
    assert (tmp_path / "out.csv").read_bytes() == content


async def test_a_reader_that_goes_away_ends_the_command_quietly(start: Start, fake: FakeExportService) -> None:
    export = fake.with_file(bytes(2_000_000))
    process = await start("download", export.id, "-o", "-")
    assert process.stdout is not None
    assert process.stderr is not None
    await process.stdout.read(10)
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert b"Traceback" not in await process.stderr.read()
    assert await process.wait() == 1


async def test_ctrl_c_with_json_is_an_object(start: Start, exportctl: Exportctl, fake: FakeExportService) -> None:
    await exportctl("create", "/invoices")
    process = await start("watch", "export-1", "--output", "json")
    await eventually(lambda: fake.watchers)
    process.send_signal(signal.SIGINT)
    error = (await end_of(process)).json_error
    assert (error["code"], error["metadata"]) == ("INTERRUPTED", {"export_id": "export-1"})


async def test_a_terminal_gets_a_bar(serving: Serving, fake: FakeExportService, tmp_path: Path) -> None:
    outer, inner = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(*PROGRAM, "create", "/invoices", "-o", str(tmp_path / "out.csv")),
        env={**os.environ, "EXPORTD_TARGET": serving.target, "TERM": "xterm", "COLUMNS": "120"},
        stdout=asyncio.subprocess.PIPE,
        stderr=inner,
    )
    os.close(inner)
    _, screen = await asyncio.gather(build(fake), asyncio.to_thread(read_all, outer))
    assert await process.wait() == 0
    assert b"\x1b[" in screen
    assert b"37 bytes of 37 bytes" in screen


def read_all(descriptor: int) -> bytes:
    seen = b""
    try:
        while data := os.read(descriptor, 65_536):
            seen += data
    except OSError:  # a terminal ends with EIO
        pass
    os.close(descriptor)
    return seen
