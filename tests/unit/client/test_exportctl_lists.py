"""What lists show, on a terminal of 80 columns and in a pipe."""

import asyncio
import json
import os
import pty
import termios
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from exportd.v1 import export_pb2
from exportd_client import Export, Worker
from exportd_client.cli import tables
from exportd_client.cli.lists import age, problems_of, short_count, short_size, workers_row
from exportd_client.cli.tables import Column
from tests.patience import PATIENCE_S
from tests.servers.warm import WarmProgram
from tests.unit.client.fake_export_service import FakeExportService, Serving
from tests.unit.client.program import CONTENT, Exportctl, read_all

pytestmark = pytest.mark.slow

IDS = [f"019e5c2a-7b3c-7000-8000-0000000000{n:02}" for n in range(10)]


OnTerminal = Callable[..., Awaitable[str]]


@pytest.fixture
def on_terminal(serving: Serving, warm_exportctl: WarmProgram) -> OnTerminal:
    return partial(_on_terminal, serving, warm_exportctl)


async def _on_terminal(
    serving: Serving, exportctl: WarmProgram, *words: str, columns: int = 80, lines: int = 24, **environment: str
) -> str:
    """What a terminal shows of a command that ends by itself."""
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (lines, columns))
    size = {"COLUMNS": str(columns), "LINES": str(lines)}  # whoever runs the tests may have others
    process = await exportctl.start(
        *words,
        env={**os.environ, "EXPORTD_TARGET": serving.target, "TERM": "xterm", **size, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    async with asyncio.timeout(PATIENCE_S):
        screen = await asyncio.to_thread(read_all, outer)
        await process.wait()
    return screen.decode().replace("\r\n", "\n")


def exports_of_all_kinds(fake: FakeExportService) -> None:
    """One completed at its second attempt, one that failed for good, one cancelled, one that waits, one being built."""
    done, failed, cancelled, waiting, running = (fake.with_file(CONTENT) for _ in range(5))
    fake.exports = {}
    for id_, export in zip(IDS, (done, failed, cancelled, waiting, running), strict=False):
        export.id, export.type = id_, "InvoicesOfManyEntities"
        export.create_time.FromDatetime(datetime.now(UTC) - timedelta(hours=3))
        fake.exports[id_] = export
    for export in (failed, cancelled, waiting, running):
        export.ClearField("file")
    for export in (done, failed):
        export.result.errors.add(attempt=1, code="SOURCE_UNAVAILABLE", message="no route to the database " * 4)
    failed.result.errors.add(attempt=2, code="COLUMN_MISSING", message="no column total")
    failed.state, failed.cancel_reason = Export.STATE_CANCELLED, Export.CANCEL_REASON_NOT_RETRYABLE
    cancelled.state, cancelled.cancel_reason = Export.STATE_CANCELLED, Export.CANCEL_REASON_REQUESTED
    waiting.state, waiting.wait_reason = Export.STATE_QUEUED, Export.WAIT_REASON_NO_WORKER
    running.state, running.progress.phase = Export.STATE_PROCESSING, export_pb2.Progress.PHASE_WRITING
    running.progress.rows_written, running.progress.rows_total = 1_000, 4_000


async def test_a_list_on_80_columns_cuts_no_id_and_no_line(on_terminal: OnTerminal, fake: FakeExportService) -> None:
    exports_of_all_kinds(fake)
    shown = (await on_terminal("list")).splitlines()
    assert max(map(len, shown)) <= 80
    rows = {line[:36]: line.split() for line in shown if line[:8] == IDS[0][:8]}
    assert set(rows) == set(IDS[:5])
    assert rows[IDS[0]][1:2] == ["COMPLETED"]
    assert rows[IDS[0]][3:] == ["3h", "3", "37", "B"]
    assert shown[0].split() == ["ID", "STATE", "TYPE", "AGE", "ROWS", "SIZE"]


async def test_a_list_says_why_an_export_failed_and_not_what_it_got_over(
    on_terminal: OnTerminal, exportctl: Exportctl, fake: FakeExportService
) -> None:
    exports_of_all_kinds(fake)
    lines = [line.split("\t") for line in (await exportctl("list")).out.decode().splitlines()]
    notes = {line[0]: line[-1] for line in lines}
    assert [notes[id_] for id_ in IDS[:5]] == [
        "-",
        "NOT_RETRYABLE: COLUMN_MISSING: no column total",
        "REQUESTED",
        "NO_WORKER",
        "writing, 1,000 of 4,000 rows",
    ]
    shown = await on_terminal("list")
    assert "\n    NOT_RETRYABLE: COLUMN_MISSING: no column total\n" in shown
    assert "SOURCE_UNAVAILABLE" not in shown


async def test_a_completed_export_shows_what_it_got_over_as_such(exportctl: Exportctl, fake: FakeExportService) -> None:
    exports_of_all_kinds(fake)
    assert b"\nearlier error  attempt 1: SOURCE_UNAVAILABLE" in (await exportctl("get", IDS[0])).out
    assert b"\nerror       attempt 2: COLUMN_MISSING" in (await exportctl("get", IDS[1])).out


async def test_a_wide_list_has_more_and_cuts_neither_id_nor_time(
    on_terminal: OnTerminal, fake: FakeExportService
) -> None:
    exports_of_all_kinds(fake)
    fake.exports[IDS[0]].uri = "/entities/42/invoices?issuedAt[after]=2026-01-01"
    shown = (await on_terminal("list", "--wide")).splitlines()
    assert shown[0].split() == ["ID", "STATE", "TYPE", "FORMAT", "ROWS", "SIZE", "CREATED", "URI", "NOTES"]
    created = fake.exports[IDS[0]].create_time.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert all(created in line for line in shown[1:])
    assert "/entit" in shown[-1]


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-28T07:00:00Z",
        "2026-11-28T07:00:00.000Z",
        "2026-11-28T07:00:00.000000000Z",
        "2026-11-28T08:00:00+01:00",
        "2026-11-28 07:00Z",
        "2026-11-28T07:00:00",
        "20261128T070000Z",
    ],
)
async def test_a_time_is_taken_as_it_is_printed(exportctl: Exportctl, fake: FakeExportService, moment: str) -> None:
    assert (await exportctl("list", "--created-after", moment, "--created-before", moment)).code == 0
    (asked,) = fake.requests
    assert asked.created_after.ToJsonString() == asked.created_before.ToJsonString() == "2026-11-28T07:00:00Z"


async def test_collections_are_a_short_list_and_one_is_whole(exportctl: Exportctl) -> None:
    assert (await exportctl("collections")).out.decode().splitlines() == [
        "TYPE\tPATH\tDESCRIPTION",
        "Invoices\t/entities/{entityId}/invoices\t-",
    ]
    for name in ("Invoices", "invoices", "/entities/{entityId}/invoices"):
        whole = (await exportctl("collections", name)).out.decode()
        facts = [line.split(maxsplit=1) for line in whole.splitlines()]
        assert facts[:3] == [["type", "Invoices"], ["path", "/entities/{entityId}/invoices"], ["formats", "csv"]]
        assert ["attachments", "invoice.pdf"] in facts
        assert ["column", "total (decimal(18,2), filter, sort)"] in facts
    assert (await exportctl("collections", "Invoices", "--output", "json")).json["type"] == "Invoices"
    ended = await exportctl("collections", "Invoces")
    assert (ended.code, "the nearest is 'Invoices'" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("worker", "status", "problems"),
    [
        ({"draining": True, "running": 1}, "draining", ""),
        ({"running": 1}, "working", ""),
        ({}, "idle", ""),
        ({"problems": [{"code": "DISK_FULL"}]}, "unhealthy", "DISK_FULL"),
        (
            {"running": 1, "problems": [{"code": "SOURCE_UNAVAILABLE", "source_id": "crm"}]},
            "working",
            "SOURCE_UNAVAILABLE (crm)",
        ),
    ],
)
def test_the_status_of_a_worker(worker: dict[str, object], status: str, problems: str) -> None:
    shown = Worker(**worker)
    assert (workers_row(shown)[3], problems_of(shown)) == (status, problems)


@pytest.mark.parametrize(
    ("number", "count", "size"),
    [
        (0, "0", "0 B"),
        (999, "999", "999 B"),
        (9_999, "9,999", "10 kB"),
        (10_000, "10k", "10 kB"),
        (999_499, "999k", "999 kB"),
        (999_500, "1M", "1 MB"),
        (1_234_567, "1.23M", "1.23 MB"),
    ],
)
def test_short_numbers(number: int, count: str, size: str) -> None:
    assert (short_count(number), short_size(number)) == (count, size)


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (7_199, "1h"), (172_800, "2d")]
)
def test_ages(seconds: int, text: str) -> None:
    export, now = Export(), datetime(2026, 1, 31, tzinfo=UTC)
    export.create_time.FromDatetime(now - timedelta(seconds=seconds))
    assert age(export.create_time, now) == text


def test_only_columns_that_say_so_are_cut() -> None:
    columns = (Column("ID"), Column("N", right=True), Column("TEXT", flexible=True))
    rows = [("a" * 12, "12,345", "x" * 30), ("b", "1", "日本語" * 5)]
    assert [*tables.lines(columns, rows, 34, "…")] == [
        "ID" + " " * 17 + "N  TEXT",
        f"{'a' * 12}  12,345  {'x' * 11}…",
        f"b{' ' * 18}1  日本語日本…",
    ]
    assert max(len(line) for line in tables.lines(columns, rows, 5, "…")) == 12 + 2 + 6 + 2 + tables.MIN_CUT_CELLS
    assert tables.fits(columns, rows, 30)
    assert not tables.fits(columns, rows, 29)


PREVIEWED = {
    "columns": [
        {"field": "id", "header": "id", "type": {"kind": "KIND_INTEGER"}},
        {"field": "total", "header": "total", "type": {"kind": "KIND_DECIMAL", "precision": 38, "scale": 2}},
        {"field": "issuer.rfc", "header": "RFC", "type": {"kind": "KIND_TEXT"}},
        {"field": "extra", "header": "extra", "type": {"kind": "KIND_JSON"}},
    ],
    "rows": [
        '{"id":9007199254740993,"total":12345678901234567.80,"issuer":{"rfc":"é"},"extra":{"a":[1.10,null,"x"]}}',
        '{"id":-1,"total":1E+2,"issuer":{"rfc":null},"extra":null}',
    ],
    "rows_total": 2,
}
TEXT = ["9007199254740993", "12345678901234567.80", "é", '{"a": [1.10, null, "x"]}']


async def test_a_preview_shows_numbers_with_all_their_digits(exportctl: Exportctl, fake: FakeExportService) -> None:
    fake.previewed = type(fake.previewed)(**PREVIEWED)
    ended = await exportctl("preview", "/invoices")
    lines = [line.split("\t") for line in ended.out.decode().splitlines()]
    assert lines == [["id", "total", "RFC", "extra"], TEXT, ["-1", "1E+2", "", ""]]
    assert ended.err == "all 2 rows\n"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
async def test_a_preview_as_json_has_objects_with_types(
    exportctl: Exportctl, fake: FakeExportService, encoding: str
) -> None:
    fake.previewed = type(fake.previewed)(**PREVIEWED)
    out = (await exportctl("preview", "/invoices", "--output", "json", PYTHONIOENCODING=encoding)).out.decode(encoding)
    rows = json.loads(out, parse_float=str)["rows"]
    assert rows[0] == {
        "id": 9007199254740993,
        "total": "12345678901234567.80",
        "issuer": {"rfc": "é"},
        "extra": {"a": ["1.10", None, "x"]},
    }
    assert rows[1]["total"] == "1E+2"


async def test_a_preview_too_wide_for_the_terminal_is_a_block_a_row(
    on_terminal: OnTerminal, fake: FakeExportService
) -> None:
    fake.previewed = type(fake.previewed)(**PREVIEWED)
    wide = await on_terminal("preview", "/invoices", columns=80)
    assert wide.splitlines()[0].split() == ["id", "total", "RFC", "extra"]
    narrow = (await on_terminal("preview", "/invoices", columns=40)).splitlines()
    assert narrow[:5] == ["-[ row 1 ]-", f"id     {TEXT[0]}", f"total  {TEXT[1]}", "RFC    é", f"extra  {TEXT[3]}"]
