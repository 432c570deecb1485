"""exportctl as a process: exit codes, JSON, what goes where, Ctrl-C."""

import asyncio
import hashlib
import json
import os
import pty
import random
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from exportd.v1 import export_service_pb2 as service
from exportd_client import Export
from exportd_client.partial_file import part_path
from tests.unit.client.fake_export_service import FakeExportService, Refusal, Serving, eventually
from tests.unit.client.program import (
    CONTENT,
    PROGRAM,
    Exportctl,
    Start,
    build,
    end_of,
    names_in,
    question,
    read_all,
)

pytestmark = pytest.mark.slow


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


CSV_WORDS = (
    *("--csv-preset", "excel", "--delimiter", ";", "--no-header", "--decimal-comma", "--null-text", "NULL"),
    *("--no-bom", "--lf", "--escape-formulas"),
)
CSV_ASKED = {
    "preset": "PRESET_EXCEL",
    "delimiter": ";",
    "header": False,
    "decimal_comma": True,
    "null_text": "NULL",
    "bom": False,
    "line_terminator": "LINE_TERMINATOR_LF",
    "escape_formulas": True,
}
XLSX_WORDS = ("--no-freeze", "--no-autofilter", "--compact", "--long-text", "bundle")
XLSX_ASKED = {"freeze_header": False, "autofilter": False, "compact": True, "long_text": "LONG_TEXT_BUNDLE"}


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (CSV_WORDS, {"csv": CSV_ASKED}),
        (["--bom", "--no-escape-formulas"], {"csv": {"bom": True, "escape_formulas": False}}),
        (["--delimiter", "tab"], {"csv": {"delimiter": "\t"}}),
        (["--delimiter", r"\t"], {"csv": {"delimiter": "\t"}}),
        (XLSX_WORDS, {"xlsx": XLSX_ASKED}),
        (["--gzip", "--packaging", "AUTO"], {"compression": "COMPRESSION_GZIP", "packaging": "PACKAGING_AUTO"}),
        (
            ["--column", "id", "--column", "issuer.rfc=RFC = id", "--time-zone", "America/Mexico_City"],
            {
                "columns": [{"field": "id"}, {"field": "issuer.rfc", "header": "RFC = id"}],
                "time_zone": "America/Mexico_City",
            },
        ),
    ],
)
async def test_create_passes_on_how_the_table_is_written(
    exportctl: Exportctl, fake: FakeExportService, words: Sequence[str], asked: dict[str, Any]
) -> None:
    ended = await exportctl("create", "/invoices", "--request-id", "mine", *words)
    assert ended.code == 0
    assert fake.asked(service.CreateExportRequest) == [
        service.CreateExportRequest(uri="/invoices", request_id="mine", **asked)
    ]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("rows.csv.gz", {"format": "FORMAT_CSV", "compression": "COMPRESSION_GZIP"}),
        ("rows.JSONL.GZ", {"format": "FORMAT_JSONL", "compression": "COMPRESSION_GZIP"}),
        ("rows.gz", {"compression": "COMPRESSION_GZIP"}),
        ("rows.parquet", {"format": "FORMAT_PARQUET"}),
        ("rows.zip", {"packaging": "PACKAGING_ZIP"}),
        ("rows.tsv", {"format": "FORMAT_CSV", "csv": {"delimiter": "\t"}}),
        ("rows.TSV.gz", {"format": "FORMAT_CSV", "csv": {"delimiter": "\t"}, "compression": "COMPRESSION_GZIP"}),
        ("rows.ndjson", {"format": "FORMAT_JSONL"}),
        ("rows", {}),
    ],
)
async def test_the_name_of_the_file_tells_what_it_is(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path, name: str, asked: dict[str, Any]
) -> None:
    fake.refusals["CreateExport"] = [Refusal("INVALID_ARGUMENT", "INVALID_REQUEST")]
    await exportctl("create", "/invoices", "--request-id", "mine", "-o", tmp_path / name)
    assert fake.asked(service.CreateExportRequest) == [
        service.CreateExportRequest(uri="/invoices", request_id="mine", **asked)
    ]


async def test_help_shows_options_in_groups_and_examples_line_by_line(exportctl: Exportctl) -> None:
    shown = (await exportctl("create", "--help")).out.decode()
    headings = [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings[1:6] == ["File:", "Table:", "CSV:", "XLSX:", "Password:"]
    assert headings[-1] == "Options:"
    assert '\n  exportctl create "/entities/42/invoices?order[issuedAt]=desc" -o invoices.xlsx\n' in shown


@pytest.mark.parametrize("line", ["open sesame \r\nno more", "open sesame ", "\ufeffopen sesame \n"])
async def test_a_password_is_the_first_line_of_a_file(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path, line: str
) -> None:
    (tmp_path / "password").write_bytes(line.encode())
    ended = await exportctl("create", "/invoices", "--password-file", tmp_path / "password")
    assert fake.asked(service.CreateExportRequest)[0].password == "open sesame "
    assert (ended.code, b"sesame" in ended.out) == (0, False)
    assert b"encrypted   yes\n" in ended.out


async def test_a_password_comes_from_stdin(start: Start, fake: FakeExportService) -> None:
    process = await start("create", "/invoices", "--password-file", "-", stdin=asyncio.subprocess.PIPE)
    await process.communicate(b"opensesame\n")
    assert fake.asked(service.CreateExportRequest)[0].password == "opensesame"


@pytest.mark.parametrize("answers", [("opensesame", "opensesame"), ("typo", "opensesame", "opensesame", "opensesame")])
async def test_a_password_is_asked_for_twice_and_never_shown(
    start: Start, fake: FakeExportService, answers: Sequence[str]
) -> None:
    outer, inner = pty.openpty()
    process = await start("create", "/invoices", "--password", stdin=inner, start_new_session=True)
    os.close(inner)
    asked = b""
    for answer in answers:
        asked += await question(process, "Once more" if asked.endswith(b"Password: ") else "Password")
        os.write(outer, f"{answer}\n".encode())
    ended = await end_of(process)
    assert ended.code == 0
    assert fake.asked(service.CreateExportRequest)[0].password == "opensesame"
    assert b"sesame" not in asked + ended.out + ended.err.encode() + read_all(outer)


async def test_ctrl_c_ends_the_question_for_a_password(start: Start, fake: FakeExportService) -> None:
    outer, inner = pty.openpty()
    process = await start("create", "/invoices", "--password", stdin=inner, start_new_session=True)
    os.close(inner)
    await question(process, "Password")
    process.send_signal(signal.SIGINT)
    ended = await end_of(process)
    os.close(outer)
    assert (ended.code, ended.err.strip(), fake.requests) == (130, "interrupted", [])


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--password"], "no terminal|there is none"),
        (["--password", "--password-file", "x"], "either"),
        (["--password-file", "nowhere"], "can't read the password"),
        (["--password-file", "empty"], "is empty"),
        (["--password-file", "binary"], "is not UTF-8"),
    ],
)
async def test_a_password_that_can_not_be_had_ends_the_command(
    start: Start, fake: FakeExportService, tmp_path: Path, words: list[str], what: str
) -> None:
    (tmp_path / "empty").write_bytes(b"\nsesame")
    (tmp_path / "binary").write_bytes(b"sesame\xff")
    words = [str(tmp_path / word) if word[0] != "-" else word for word in words]
    process = await start("create", "/invoices", *words, stdin=asyncio.subprocess.DEVNULL)
    ended = await end_of(process)
    assert (ended.code, ended.out, fake.requests) == (2, b"", [])
    assert re.search(what, ended.err)
    assert "sesame" not in ended.err


async def test_table_and_attachments_arrive_beside_each_other(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path
) -> None:
    words = ("create", "/invoices", "--packaging", "separate", "--file-type", "pdf", "-o", tmp_path / "mine.csv.gz")
    ended, export = await asyncio.gather(exportctl(*words), build(fake, attachments=b"zipped"))
    assert ended.code == 0
    assert (tmp_path / "mine.csv.gz").read_bytes() == CONTENT
    assert (tmp_path / "mine-attachments.zip").read_bytes() == b"zipped"
    assert f"attachments path     {tmp_path}/mine-attachments.zip\n".encode() in ended.out
    assert f"attachments          {export.attachments_file.id}\n".encode() in ended.out


async def test_a_download_into_a_directory_brings_both_under_their_own_names(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    fake.put_attachments(export.id, b"zipped")
    ended = await exportctl("download", export.id, "-o", tmp_path, "--output", "json")
    assert ended.json["id"] == export.file.id
    assert ended.json["attachmentsPath"] == str(tmp_path / "invoices-attachments.zip")
    assert sorted(names_in(tmp_path)) == ["invoices-attachments.zip", "invoices.csv"]


async def test_stdout_gets_the_table_and_stderr_how_to_bring_the_attachments(
    exportctl: Exportctl, fake: FakeExportService
) -> None:
    export = fake.with_file(CONTENT)
    attachments = fake.put_attachments(export.id, b"zipped")
    ended = await exportctl("download", export.id, "-o", "-")
    assert (ended.code, ended.out) == (0, CONTENT)
    assert f"exportctl download {attachments.id} -o invoices-attachments.zip" in ended.err


async def test_get_and_list_show_what_is_encrypted_and_what_is_attached(
    exportctl: Exportctl, fake: FakeExportService
) -> None:
    plain, both = fake.with_file(CONTENT), fake.with_file(CONTENT)
    fake.exports[both.id].encrypted = True
    fake.put_file(both.id, CONTENT)
    attachments = fake.put_attachments(both.id, b"zipped")
    shown = (await exportctl("get", both.id)).out.decode()
    facts = dict(re.split(" {2,}", line, maxsplit=1) for line in shown.splitlines())
    assert (facts["encrypted"], facts["attachments"]) == ("yes", attachments.id)
    assert (facts["attachments name"], facts["attachments entries"]) == (attachments.filename, "7")
    assert b"encrypted" not in (await exportctl("get", plain.id)).out
    listed = (await exportctl("list")).out.decode().splitlines()
    assert [line.split("\t")[-1] for line in listed] == ["NOTES", "encrypted, attachments 6 bytes", "-"]


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
        cancel_reason = Export.CancelReason.Value(f"CANCEL_REASON_{reason}")
        await fake.change(export.id, state=Export.STATE_CANCELLED, cancel_reason=cancel_reason)

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
    assert (collection["type"], collection["formats"]) == ("Invoices", ["CSV"])


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
        "request_id": fake.calls[-1][1]["x-request-id"],
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
        ["create", "/invoices", "--column", "=Total"],
        ["create", "/invoices", "--delimiter", ";;"],
        ["create", "/invoices", "--packaging", "rar"],
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
    for way in ("watch export-1", "get export-1", "download export-1 -o FILE", "cancel export-1"):
        assert f"exportctl {way} --target={serving.target}\n" in ended.err
    assert "Traceback" not in ended.err
    assert fake.exports["export-1"].state == Export.STATE_QUEUED
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
    assert (stopped.code, "resume with: exportctl download" in stopped.err) in [(130, True), (-signal.SIGKILL, False)]
    assert (await exportctl("download", export.id, "-o", tmp_path / "out.csv")).code == 0
    assert fake.asked(service.DownloadFileRequest)[-1].offset > 60_000
    assert (tmp_path / "out.csv").read_bytes() == content


async def test_a_reader_that_goes_away_ends_the_command_quietly(serving: Serving, fake: FakeExportService) -> None:
    export, (reader, writer) = fake.with_file(bytes(2_000_000)), os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(*PROGRAM, "download", export.id, "-o", "-"),
        env={**os.environ, "EXPORTD_TARGET": serving.target},
        stdout=writer,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writer)
    assert process.stderr is not None
    assert await asyncio.to_thread(os.read, reader, 10)
    os.close(reader)
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
