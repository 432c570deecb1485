"""ExportClient.download and stream: whatever breaks, the file is whole or there is none."""

import asyncio
import io
import random
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from exportd.v1 import export_service_pb2 as service
from exportd_client import (
    DownloadDamaged,
    ExportClient,
    FailedPrecondition,
    File,
    FileChanged,
    FileDamaged,
    InvalidArgument,
    Patience,
    Unreachable,
)
from exportd_client.partial_file import part_path, safe_name
from tests.unit.client.breaking_proxy import breaking_proxy
from tests.unit.client.fake_export_service import (
    CHUNK_BYTES,
    IMPATIENT,
    SHUTTING_DOWN,
    FakeExportService,
    Refusal,
    Serving,
)

CONTENT = random.Random(7).randbytes(50_000)
OTHER = random.Random(8).randbytes(50_000)


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def test_a_file_arrives_whole(client: ExportClient, fake: FakeExportService, tmp_path: Path) -> None:
    export = fake.with_file(CONTENT)
    seen: list[tuple[int, int]] = []
    download = await client.download(export.id, tmp_path / "out.csv", progress=lambda *at: seen.append(at))
    assert (tmp_path / "out.csv").read_bytes() == CONTENT
    assert names_in(tmp_path) == ["out.csv"]
    assert (download.file, download.path, download.resumed_at) == (export.file, tmp_path / "out.csv", 0)
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("seed", range(3))
async def test_a_download_cut_at_ten_offsets_goes_on_where_it_stopped(
    client: ExportClient, fake: FakeExportService, tmp_path: Path, seed: int
) -> None:
    export = fake.with_file(CONTENT)
    cuts = sorted(random.Random(seed).sample(range(2, len(CONTENT)), 10))
    fake.cut_downloads_at = list(cuts)
    await client.download(export, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == CONTENT
    # The first request asks what the file is, the second begins.
    resumed = fake.asked(service.DownloadFileRequest)[2:]
    assert [request.offset for request in resumed] == cuts
    assert {request.if_sha256 for request in resumed} == {export.file.sha256}


async def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_all_of_them(
    client: ExportClient, fake: FakeExportService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Short(io.FileIO):
        def write(self, data: Any) -> int:
            return super().write(data[:1_000])

    monkeypatch.setattr(io, "FileIO", Short)
    await client.download(fake.with_file(CONTENT), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == CONTENT


async def test_a_download_goes_on_in_a_later_process(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    part = part_path(tmp_path / "out.csv", export.file)
    part.write_bytes(CONTENT[:12_345])
    download = await client.download(export.id, tmp_path / "out.csv")
    assert download.resumed_at == 12_345
    assert fake.asked(service.DownloadFileRequest)[-1].offset == 12_345
    assert (tmp_path / "out.csv").read_bytes() == CONTENT
    assert not part.exists()


async def test_what_arrived_stays_when_patience_ends(serving: Serving, fake: FakeExportService, tmp_path: Path) -> None:
    export = fake.with_file(CONTENT)
    fake.cut_downloads_at = [20_000]
    hasty = Patience(first_contact=0.01, outage=0.01, shortest=0.02, longest=0.02)
    async with ExportClient(serving.target, patience=hasty) as client:
        with pytest.raises(Unreachable):
            await client.download(export.id, tmp_path / "out.csv")
        assert part_path(tmp_path / "out.csv", export.file).read_bytes() == CONTENT[:20_000]
        assert (await client.download(export.id, tmp_path / "out.csv")).resumed_at == 20_000
    assert (tmp_path / "out.csv").read_bytes() == CONTENT


async def test_a_download_survives_connections_that_break(
    serving: Serving, fake: FakeExportService, tmp_path: Path
) -> None:
    content = random.Random(9).randbytes(2_000_000)
    export = fake.with_file(content)
    async with (
        breaking_proxy(serving.port, after_bytes=[300_000, 700_000]) as port,
        ExportClient(f"127.0.0.1:{port}", patience=IMPATIENT) as client,
    ):
        await client.download(export, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == content
    assert len(fake.asked(service.DownloadFileRequest)) == 4


async def test_a_part_that_is_complete_needs_no_byte_more(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    part_path(tmp_path / "out.csv", export.file).write_bytes(CONTENT)
    assert (await client.download(export.id, tmp_path / "out.csv")).resumed_at == len(CONTENT)
    assert (tmp_path / "out.csv").read_bytes() == CONTENT


async def test_the_part_of_another_file_is_never_gone_on_with(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    first, second = fake.with_file(OTHER), fake.with_file(CONTENT)
    left = part_path(tmp_path / "out.csv", first.file)
    left.write_bytes(OTHER[:30_000])
    assert (await client.download(second.id, tmp_path / "out.csv")).resumed_at == 0
    assert (tmp_path / "out.csv").read_bytes() == CONTENT
    assert left.read_bytes() == OTHER[:30_000]


async def test_a_file_that_changes_half_way_is_told_and_its_part_removed(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    fake.cut_downloads_at = [10_000]
    with pytest.raises(FileChanged):
        await client.download(
            export.id,
            tmp_path / "out.csv",
            progress=lambda done, _: fake.put_file(export.id, OTHER) if done == 10_000 else None,
        )
    assert names_in(tmp_path) == []
    await client.download(export.id, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == OTHER


@pytest.mark.parametrize(
    ("sent", "announced"),
    [(CONTENT[:-1] + b"x", CONTENT), (CONTENT + b"more", CONTENT)],
    ids=["another byte", "too many bytes"],
)
async def test_damaged_bytes_never_become_the_file(
    client: ExportClient, fake: FakeExportService, tmp_path: Path, sent: bytes, announced: bytes
) -> None:
    (tmp_path / "out.csv").write_bytes(b"from yesterday")
    export = fake.with_file(sent, announced=announced)
    with pytest.raises(DownloadDamaged):
        await client.download(export.id, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b"from yesterday"
    assert names_in(tmp_path) == ["out.csv"]


async def test_a_damaged_part_is_removed_so_that_the_next_try_starts_afresh(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    part_path(tmp_path / "out.csv", export.file).write_bytes(b"\0" * 10_000)
    with pytest.raises(DownloadDamaged):
        await client.download(export.id, tmp_path / "out.csv")
    await client.download(export.id, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == CONTENT


async def test_a_part_that_is_too_long_is_started_over(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    part_path(tmp_path / "out.csv", export.file).write_bytes(CONTENT + b"more")
    assert (await client.download(export.id, tmp_path / "out.csv")).resumed_at == 0
    assert (tmp_path / "out.csv").read_bytes() == CONTENT


async def test_an_empty_file_arrives(client: ExportClient, fake: FakeExportService, tmp_path: Path) -> None:
    await client.download(fake.with_file(b"").id, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b""


async def test_bytes_that_the_service_lost_are_told(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    fake.refusals["DownloadFile"] = [Refusal("DATA_LOSS", "FILE_DAMAGED")]
    with pytest.raises(FileDamaged):
        await client.download(export, tmp_path / "out.csv")


async def test_there_is_nothing_to_download_before_the_end(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = await client.create("/invoices")
    with pytest.raises(FailedPrecondition) as caught:
        await client.download(export.id, tmp_path / "out.csv")
    assert (caught.value.reason, caught.value.metadata) == ("EXPORT_NOT_READY", {"state": "QUEUED"})


async def test_two_downloads_of_one_file_to_one_path_do_not_mix(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    both = [client.download(export.id, tmp_path / "out.csv") for _ in range(2)]
    ends = await asyncio.gather(*both, return_exceptions=True)
    assert [type(end) for end in ends].count(OSError) <= 1
    assert (tmp_path / "out.csv").read_bytes() == CONTENT


@pytest.mark.parametrize("client", ["asyncio"], indirect=True)  # a thread is not cancelled
async def test_a_cancelled_download_keeps_what_arrived(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    path = tmp_path / "out.csv"

    async def until_half() -> None:
        me = asyncio.current_task()
        assert me is not None
        await client.download(export.id, path, progress=lambda done, all_: me.cancel() if done >= all_ / 2 else None)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(until_half())
    left = part_path(path, export.file).read_bytes()
    assert len(left) >= len(CONTENT) / 2
    assert CONTENT.startswith(left)


async def test_in_a_directory_the_file_has_its_own_name(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT, filename="../../invoices.csv")
    assert (await client.download(export.id, tmp_path)).path == tmp_path / "invoices.csv"
    assert (tmp_path / "invoices.csv").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("suggested", "name"),
    [
        ("report.xlsx", "report.xlsx"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "f1.csv"),
        ("", "f1.csv"),
        ("dir/", "f1.csv"),
        (".bashrc", "bashrc"),
        ("a\x1b[2Jb\n.csv", "a[2Jb.csv"),
    ],
)
def test_no_suggested_name_leaves_the_directory(suggested: str, name: str) -> None:
    assert safe_name(File(id="f1", extension="csv", filename=suggested)) == name


async def test_attachments_of_their_own_are_a_file_like_any(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    fake.put_attachments(export.id, OTHER)
    download = await client.download(export.attachments_file, tmp_path)
    assert (download.file, download.path.name) == (export.attachments_file, "invoices-attachments.zip")
    assert download.path.read_bytes() == b"".join([piece async for piece in client.stream(download.file)]) == OTHER


async def test_attachments_that_are_not_there_are_told_before_anything_is_asked(
    client: ExportClient, fake: FakeExportService, tmp_path: Path
) -> None:
    with pytest.raises(FailedPrecondition, match="no such file"):
        await client.download(fake.with_file(CONTENT).attachments_file, tmp_path)
    assert (fake.requests, names_in(tmp_path)) == ([], [])


async def test_a_device_is_not_replaced(client: ExportClient, fake: FakeExportService) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        await client.download(fake.with_file(CONTENT).id, "/dev/null")


async def test_a_link_is_followed(client: ExportClient, fake: FakeExportService, tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(b"")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    await client.download(fake.with_file(CONTENT).id, tmp_path / "link.csv")
    assert (tmp_path / "real.csv").read_bytes() == CONTENT
    assert (tmp_path / "link.csv").is_symlink()


@pytest.mark.parametrize(("offset", "limit"), [(0, 0), (0, 1), (7, 12_000), (49_999, 0), (50_000, 0), (40_000, 99_999)])
async def test_a_stream_has_the_bytes_asked_for(
    client: ExportClient, fake: FakeExportService, offset: int, limit: int
) -> None:
    export = fake.with_file(CONTENT)
    fake.refusals["DownloadFile"] = [SHUTTING_DOWN]
    fake.cut_downloads_at = [1, 8, 8_000, 41_000]
    end = offset + limit if limit else None
    pieces = [piece async for piece in client.stream(export, offset=offset, limit=limit)]
    assert b"".join(pieces) == CONTENT[offset:end]
    assert max(map(len, pieces), default=0) <= CHUNK_BYTES


@pytest.mark.parametrize(("offset", "limit"), [(50_001, 0), (-1, 0), (0, -1)])
async def test_a_stream_outside_of_the_file_is_invalid(
    client: ExportClient, fake: FakeExportService, offset: int, limit: int
) -> None:
    with pytest.raises(InvalidArgument):
        await anext(client.stream(fake.with_file(CONTENT), offset=offset, limit=limit))


async def test_a_stream_does_not_go_on_with_another_file(client: ExportClient, fake: FakeExportService) -> None:
    export = fake.with_file(CONTENT)
    fake.cut_downloads_at = [10_000]
    async with aclosing(client.stream(export.id)) as pieces:
        await anext(pieces)
        fake.put_file(export.id, OTHER)
        with pytest.raises(FileChanged):
            _ = [piece async for piece in pieces]
