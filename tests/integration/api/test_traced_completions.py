"""CompleteJobs: each job has a span in the trace of its own export, wherever the call itself is."""

import asyncio
from dataclasses import replace

import pytest

from services.api.settings import ApiSettings
from services.runtime.tracing.settings import TRACES_PATH, TracingSettings
from tests.integration.api.conftest import Worker, serving
from tests.integration.api.test_complete_jobs import call, completion, held, reasons
from tests.servers.collector import Seen, collecting

CALL = "exportd.queue.v1.JobQueueService/CompleteJobs"
TRACES = ("a" * 32, "b" * 32, "c" * 32)
REPORTS = ("1" * 16, "2" * 16, "3" * 16)
PARENTS = [f"00-{trace}-{span}-01" for trace, span in zip(TRACES, REPORTS, strict=True)]


async def seen_of_three(settings: ApiSettings, parents: list[str], of_call: str) -> tuple[list[Seen], list[str]]:
    """Complete three jobs in one call, the last with a lease that is lost. Return the spans, and the exports."""
    with collecting() as collector:
        traced = TracingSettings(endpoint=collector.url + TRACES_PATH, service="exportd-api")
        async with serving(replace(settings, tracing=traced)) as api:
            worker = Worker(api)
            jobs = await held(api, worker, 3)
            await worker.release(jobs[2])
            request = call(worker, [completion(worker, job) for job in jobs])
            for each, parent in zip(request.jobs, parents, strict=True):
                each.traceparent = parent
            answer = await api.jobs.CompleteJobs(request, metadata=(("traceparent", of_call),))
            assert reasons(answer) == ["", "", "LEASE_LOST"]
        return await asyncio.to_thread(lambda: collector.spans), [job.export_id for job in jobs]


async def test_each_job_goes_on_with_its_own_trace(settings: ApiSettings) -> None:
    spans, exports = await seen_of_three(settings, PARENTS, PARENTS[0])
    completed = {span.trace_id: span for span in spans if span.name == "complete"}
    assert sorted(completed) == sorted(TRACES)
    assert [completed[trace].parent_id for trace in TRACES] == [*REPORTS]
    assert [completed[trace].attributes["exportd.export.id"] for trace in TRACES] == exports
    assert [completed[trace].attributes["exportd.rows"] for trace in TRACES] == [2, 2, 2]
    assert [completed[trace].attributes.get("exportd.reason") for trace in TRACES] == [None, None, "LEASE_LOST"]
    assert not any(span.has_failed for span in completed.values()), "a refusal is an answer"
    (of_call,) = (span for span in spans if span.name == CALL)
    assert of_call.trace_id == TRACES[0]


@pytest.mark.parametrize("strange", ["", "00-zero-zero-01", "x" * 4000, f"00-{'0' * 32}-{'0' * 16}-01"])
async def test_a_job_without_a_trace_has_no_span_and_is_completed_all_the_same(
    settings: ApiSettings, strange: str
) -> None:
    spans, _ = await seen_of_three(settings, [PARENTS[0], strange, PARENTS[2]], PARENTS[0])
    assert sorted(span.trace_id for span in spans if span.name == "complete") == [TRACES[0], TRACES[2]]
