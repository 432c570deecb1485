"""Ids by their beginnings, files by their own ids, and names that a terminal can't show."""

from pathlib import Path

import pytest

from exportd.v1 import export_service_pb2 as service
from exportd.v1.export_pb2 import Export
from tests.unit.client.fake_export_service import FakeExportService
from tests.unit.client.program import CONTENT, Exportctl, names_in

pytestmark = pytest.mark.slow

ONE, OTHER = "019e5c2a-7b3c-7000-8000-000000000001", "019e5c2a-7b3d-7000-8000-000000000002"
FILE = "f11e0000-0000-4000-8000-000000000003"
DELIVERY = f"msg_{'ab' * 16}"
REQUESTS = {
    "get": service.GetExportRequest,
    "watch": service.WatchExportRequest,
    "cancel": service.CancelExportRequest,
    "delete": service.DeleteExportRequest,
}


@pytest.fixture
def export(fake: FakeExportService) -> Export:
    """ONE, with FILE and DELIVERY, beside OTHER."""
    for id_ in (ONE, OTHER):
        made = fake.with_file(CONTENT)
        fake.exports[id_] = fake.exports.pop(made.id)
        made.id = made.file.export_id = id_
    export = fake.exports[ONE]
    fake.contents[FILE] = fake.contents.pop(export.file.id)
    export.file.id = FILE
    fake.deliveries[DELIVERY] = ONE
    return export


@pytest.mark.parametrize("command", REQUESTS)
@pytest.mark.parametrize("prefix", [ONE[:13], ONE[:35], ONE[:13].upper()])
async def test_the_beginning_of_an_id_will_do(
    exportctl: Exportctl, fake: FakeExportService, export: Export, command: str, prefix: str
) -> None:
    await exportctl(command, prefix)
    assert [request.export_id for request in fake.asked(REQUESTS[command])] == [ONE]
    assert len(fake.asked(service.FindIdsRequest)) == 1


async def test_a_whole_id_is_not_searched(exportctl: Exportctl, fake: FakeExportService, export: Export) -> None:
    assert (await exportctl("get", ONE)).code == 0
    assert fake.asked(service.FindIdsRequest) == []


async def test_the_beginning_of_two_ids_lists_both(
    exportctl: Exportctl, fake: FakeExportService, export: Export
) -> None:
    ended = await exportctl("cancel", ONE[:8])
    assert ended.code == 2
    assert f"\n{ONE}  export\n{OTHER}  export\n" in ended.err
    assert fake.asked(service.CancelExportRequest) == []
    as_json = await exportctl("cancel", ONE[:8], "--output", "json")
    assert [ONE in v["description"] for v in as_json.json_error["violations"]] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "why"), [("019", "too short"), ("0000", "no export has an id that begins with '0000'")]
)
async def test_the_beginning_of_no_id_is_refused(
    exportctl: Exportctl, fake: FakeExportService, export: Export, text: str, why: str
) -> None:
    ended = await exportctl("get", text)
    assert (ended.code, why in ended.err) == (2, True)
    assert fake.asked(service.GetExportRequest) == []


@pytest.mark.parametrize("words", [[FILE], [FILE[:8]], [FILE[:8], "--file"], [ONE], [ONE[:13]]], ids=" ".join)
async def test_download_takes_an_export_or_a_file(
    exportctl: Exportctl, export: Export, tmp_path: Path, words: list[str]
) -> None:
    assert (await exportctl("download", *words, "-o", tmp_path / "out.csv")).code == 0
    assert (tmp_path / "out.csv").read_bytes() == CONTENT


async def test_a_notification_is_found_by_its_beginning(
    exportctl: Exportctl, fake: FakeExportService, export: Export
) -> None:
    ended = await exportctl("redeliver", DELIVERY[:10])
    assert [request.prefix for request in fake.asked(service.FindIdsRequest)] == [DELIVERY[:10]]
    assert "UNIMPLEMENTED" in ended.err  # no operator is here to send it


async def test_since_export_takes_the_beginning_of_an_id(
    exportctl: Exportctl, fake: FakeExportService, export: Export
) -> None:
    await exportctl("create", "/invoices", "--since-export", ONE[:13])
    assert [request.since_export for request in fake.asked(service.CreateExportRequest)] == [ONE]


async def test_without_a_path_a_file_gets_the_suggested_name(
    exportctl: Exportctl, export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = await exportctl("download", ONE)
    assert (ended.code, names_in(tmp_path)) == (0, ["invoices.csv"])
    again = await exportctl("download", ONE)
    assert (again.code, "--force overwrites it" in again.err) == (2, True)


NAME = "納品書-😀-é.csv"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("cp1252", "\\u7d0d\\u54c1\\u66f8-\\U0001f600-é.csv"), ("ascii", "\\u7d0d\\u54c1\\u66f8-\\U0001f600-\\xe9.csv")],
)
async def test_what_an_encoding_lacks_is_escaped(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path, encoding: str, shown: str
) -> None:
    export = fake.with_file(CONTENT, filename=NAME)
    export.uri, export.type = f"/{NAME}", NAME
    for words in (["get", export.id], ["list"], ["list", "--wide"], ["download", export.id, "-o", str(tmp_path)]):
        ended = await exportctl(*words, PYTHONIOENCODING=encoding)
        assert (ended.code, "Traceback" in ended.err) == (0, False)
        assert shown in ended.out.decode(encoding)
    as_json = await exportctl("get", export.id, "--output", "json", PYTHONIOENCODING=encoding)
    assert as_json.json["uri"] == f"/{NAME}"


async def test_an_argument_in_no_encoding_is_no_crash(exportctl: Exportctl) -> None:
    ended = await exportctl("create", "/invoices", "-o", "/no/such/\udcff/x.csv")
    assert (ended.code, "Traceback" in ended.err) == (2, False)
