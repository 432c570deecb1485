"""What a caller says in a query and beside it: leniently, as a trial, and for what has changed only."""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from structlog.testing import capture_logs

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.queue.v1 import job_spec_pb2
from exportd.v1 import export_pb2, export_service_pb2
from services.api.settings import ApiSettings
from tests.integration.api.conftest import CATALOG, Api, Worker, until
from tests.integration.api.refusals import refused

URI = "/shops/7/orders"
CHANGED = CATALOG.replace(
    'table = "orders"\n', 'table = "orders"\nchanged = "issuedAt"\nchanged_overlap_seconds = 60\n'
)
AS_OF = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOBODY = "00000000-0000-0000-0000-000000000000"
Export = export_pb2.Export


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    settings.catalog.write_text(CHANGED)
    return settings


async def complete(api: Api, worker: Worker, as_of: datetime | None = AS_OF) -> str:
    """Lease the one job there is and complete it; the id of its export."""
    (job,) = await worker.lease()
    await worker.heartbeat(job)
    stats = queue_pb2.RunStats(
        rows_matched=2,
        rows_written=2,
        matched_by=export_pb2.MATCHED_BY_COUNT,
        consistency=export_pb2.CONSISTENCY_SNAPSHOT,
    )
    if as_of:
        stats.as_of.FromDatetime(as_of)
    artifact = worker.file(job, b"id\r\n1\r\n2\r\n")
    request = queue_pb2.CompleteJobRequest(
        export_id=job.export_id, lease_id=job.lease_id, artifact=artifact, stats=stats
    )
    await api.jobs.CompleteJob(request)
    return job.export_id


async def spec(worker: Worker) -> job_spec_pb2.JobSpec:
    (job,) = await worker.lease()
    return job.spec


def codes(export: export_pb2.Export) -> list[str]:
    return [w.code for w in export.warnings]


# ---- filter modes


async def test_lenient_drops_what_strict_refuses_and_says_so(api: Api, worker: Worker) -> None:
    uri = f"{URI}?isuedAt[after]=2026-01-01&id=1&id=2"
    assert "did you mean issuedAt?" in (await refused(api.create(uri))).violations["uri.query[isuedAt[after]]"]
    export = await api.create(uri, filter_mode=export_pb2.FILTER_MODE_LENIENT)
    assert codes(export) == ["PARAMETER_REPEATED", "PARAMETER_IGNORED"]
    assert "did you mean issuedAt?" in export.warnings[1].message
    assert (export.options.query, export.options.filter_mode) == ("id=2", export_pb2.FILTER_MODE_LENIENT)
    kept = await api.get(export.id)
    assert (kept.warnings, kept.options) == (export.warnings, export.options)
    assert [f.term.column for f in (await spec(worker)).filter.all.filters] == ["shop_id", "id"]


async def test_a_filter_mode_of_a_newer_version_is_refused(api: Api) -> None:
    assert list((await refused(api.create(filter_mode=9))).violations) == ["filter_mode"]


async def test_a_page_goes_to_the_worker(api: Api, worker: Worker) -> None:
    export = await api.create(f"{URI}?page=2&itemsPerPage=50&properties[]=id")
    assert [c.field for c in export.options.columns] == ["id"]
    page = (await spec(worker)).page
    assert (page.offset, page.limit) == (50, 50)


# ---- a trial


async def test_a_trial_says_what_would_be_made_and_makes_nothing(api: Api, worker: Worker) -> None:
    asked = {"labels": {"a": "b"}, "columns": [export_pb2.Column(field="id", header="No.")], "password": "secret"}
    tried = await api.create(f"{URI}?issuedAt[before]=2026-01-31", validate_only=True, request_id="once", **asked)
    assert (tried.id, tried.state, tried.HasField("create_time")) == ("", Export.STATE_UNSPECIFIED, False)
    assert tried.options.query == "issuedAt[before]=2026-01-31T00:00:00Z"
    assert (codes(tried), tried.encrypted, dict(tried.labels)) == (["BARE_DATE_IN_BEFORE"], True, {"a": "b"})
    assert [(c.field, c.header) for c in tried.options.columns] == [("id", "No.")]
    assert not (await api.exports.ListExports(export_service_pb2.ListExportsRequest())).exports
    assert not await worker.lease(wait_s=0)
    made = await api.create(f"{URI}?issuedAt[before]=2026-01-31", request_id="once", **asked)
    assert (made.options, list(made.warnings)) == (tried.options, list(tried.warnings))


async def test_a_trial_refuses_what_a_request_would_be_refused_for(api: Api) -> None:
    assert list((await refused(api.create(f"{URI}?ide=1", validate_only=True))).violations) == ["uri.query[ide]"]


# ---- what has changed


async def test_changed_since_is_part_of_the_filter(api: Api) -> None:
    export = await api.create(changed_since=Timestamp(seconds=1769860800, nanos=500_000_999))
    assert export.options.query == "issuedAt[after]=2026-01-31T12:00:00.500000Z"
    since_1970 = await api.create(changed_since=Timestamp())
    assert since_1970.options.query == "issuedAt[after]=1970-01-01T00:00:00Z"


@pytest.mark.parametrize(("seconds", "nanos"), [(-62135596801, 0), (253402300800, 0), (0, -1), (0, 1_000_000_000)])
async def test_changed_since_is_a_time_that_there_is(api: Api, seconds: int, nanos: int) -> None:
    refusal = await refused(api.create(changed_since=Timestamp(seconds=seconds, nanos=nanos), priority=99))
    assert list(refusal.violations) == ["changed_since", "priority"]


async def test_since_export_begins_the_overlap_before_the_moment_of_that_export(api: Api, worker: Worker) -> None:
    await api.create()
    earlier = await complete(api, worker)
    export = await api.create(since_export=earlier)
    assert export.options.query == "issuedAt[after]=2026-01-31T11:59:00Z"
    assert codes(export) == []
    again = await api.create(since_export=await complete(api, worker))
    assert (again.options.query, codes(again)) == (export.options.query, [])


async def test_since_an_export_of_other_rows_there_is_a_warning(api: Api, worker: Worker) -> None:
    await api.create(f"{URI}?id=1")
    earlier = await complete(api, worker)
    assert codes(await api.create(f"{URI}?id=1&order[id]=desc", since_export=earlier)) == []
    assert codes(await api.create(f"{URI}?id=2", since_export=earlier)) == ["SINCE_OTHER_QUERY"]
    assert codes(await api.create("/shops/8/orders?id=1", since_export=earlier)) == ["SINCE_OTHER_QUERY"]


async def test_since_an_export_with_a_bound_of_its_own_on_changes_there_is_a_warning(api: Api, worker: Worker) -> None:
    await api.create(f"{URI}?issuedAt[after]=2030-01-01")
    bounded = await complete(api, worker)
    assert codes(await api.create(since_export=bounded)) == ["SINCE_OTHER_QUERY"]
    await complete(api, worker)
    await api.create(changed_since=datetime(2020, 1, 1, tzinfo=UTC))
    assert codes(await api.create(since_export=await complete(api, worker))) == []


async def test_since_an_export_of_one_page_there_is_a_warning(api: Api, worker: Worker) -> None:
    page = f"{URI}?page=1&itemsPerPage=2"
    await api.create(page)
    earlier = await complete(api, worker)
    assert codes(await api.create(since_export=earlier)) == ["SINCE_OTHER_QUERY"]
    assert codes(await api.create(page, since_export=earlier)) == ["SINCE_OTHER_QUERY"]


async def test_since_export_refuses_what_says_no_moment(api: Api, worker: Worker) -> None:
    async def why(since_export: str, **fields: object) -> str:
        refusal = await refused(api.create(since_export=since_export, **fields))
        assert list(refusal.violations) == ["since_export"]
        return refusal.violations["since_export"]

    assert await why("x") == "must be a UUID"
    assert "no such export" in await why(NOBODY)
    queued = await api.create()
    assert "is QUEUED" in await why(queued.id)
    other = (("x-exportd-tenant", "other"),)
    request = export_service_pb2.CreateExportRequest(uri=URI, format=export_pb2.FORMAT_CSV, since_export=queued.id)
    theirs = await refused(api.exports.CreateExport(request, metadata=other))
    assert "no such export" in theirs.violations["since_export"]
    momentless = await complete(api, worker, as_of=None)
    assert "have no common moment" in await why(momentless)
    assert "either" in await why(momentless, changed_since=datetime(2026, 1, 31, 12, tzinfo=UTC))


# ---- the catalog, read again


async def listed(api: Api) -> list[str]:
    found = await api.exports.ListCollections(export_service_pb2.ListCollectionsRequest())
    return [c.type for c in found.collections]


async def reloaded(settings: ApiSettings, text: str) -> None:
    """Write the file, send the signal, which arrives through the loop's own pipe, and wait until the file was read."""
    Path(settings.catalog).write_text(text)
    with capture_logs() as lines:
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: any(line["event"] in ("catalog_reloaded", "catalog_refused") for line in lines))


async def test_sighup_reads_the_catalog_again_and_jobs_keep_what_they_were_given(
    api: Api, worker: Worker, settings: ApiSettings
) -> None:
    running, waiting = await api.create(), await api.create(f"{URI}?id=1")
    (job,) = await worker.lease()
    await worker.heartbeat(job)
    await reloaded(settings, CHANGED.replace("collections.Orders", "collections.Sales").replace('"orders"', '"sales"'))
    assert await listed(api) == ["Sales", "Shops"]
    assert (await api.create()).type == "Sales"
    await worker.complete(job, worker.file(job, b"id\r\n1\r\n"))
    assert (await api.get(running.id)).state == Export.STATE_COMPLETED
    (kept,) = await worker.lease()
    assert (kept.export_id, kept.spec.relation.table, kept.spec.collection) == (waiting.id, "orders", "Orders")


async def test_a_broken_catalog_is_refused_and_the_old_one_stays(api: Api, settings: ApiSettings) -> None:
    await reloaded(settings, CHANGED.replace('kind = "sql"', 'kind = "oracle"'))
    await reloaded(settings, "[[[")
    assert (await api.create()).type == "Orders"
    assert await listed(api) == ["Orders", "Shops"]
    await reloaded(settings, CHANGED.replace("collections.Shops", "collections.Stores"))
    assert await listed(api) == ["Orders", "Stores"]
