"""exportctl for operators, against a real api."""

import json

from exportd.v1 import export_pb2
from tests.integration.api.conftest import Api, Worker
from tests.servers import warm_exportctl


async def exportctl(api: Api, *words: str) -> tuple[int | None, str, str]:
    """Exit code, stdout, stderr."""
    return await warm_exportctl.exportctl(api.target, *words)


async def given_up(api: Api, worker: Worker) -> export_pb2.Export:
    export = await api.create()
    (job,) = await worker.lease()
    await worker.fail(job, "COLUMN_MISSING")
    return export


async def test_get_history_tells_a_line_a_change(api: Api, worker: Worker) -> None:
    export = await given_up(api, worker)
    code, out, _ = await exportctl(api, "get", export.id, "--history")
    header, *lines = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert header == ["TIME", "EVENT", "STATE", "RUN", "ATTEMPT", "ACTOR", "REASON"]
    assert [(line[1], line[2], line[5]) for line in lines] == [
        ("CREATE", "QUEUED", "caller"),
        ("LEASE", "PROCESSING", f"worker {worker.id}"),
        ("GIVE_UP", "CANCELLED", f"worker {worker.id}"),
    ]
    _, out, _ = await exportctl(api, "get", export.id, "--history", "--output", "json")
    assert [entry["event"] for entry in json.loads(out)["transitions"]] == ["CREATE", "LEASE", "GIVE_UP"]


async def test_retry_begins_a_new_run_once(api: Api, worker: Worker) -> None:
    export = await given_up(api, worker)
    code, out, _ = await exportctl(api, "retry", export.id, "--max-attempts", "2", "--output", "json")
    again = json.loads(out)
    assert (code, again["state"], again["run"], again["maxAttempts"]) == (0, "QUEUED", 2, 3)
    code, _, err = await exportctl(api, "retry", export.id)
    assert code == 2
    assert "it is QUEUED" in err


async def test_queue_and_workers_show_what_there_is(api: Api, worker: Worker) -> None:
    await api.create()
    await api.create(priority=3)
    await worker.lease()
    _, out, err = await exportctl(api, "queue")
    assert out.splitlines()[1].split("\t") == ["default", "1", "1", "0", "any", "1"]
    assert "longest wait" in err
    _, out, _ = await exportctl(api, "drain", worker.id)
    assert "draining" in out
    _, out, _ = await exportctl(api, "workers", "--output", "json")
    (shown,) = json.loads(out)["workers"]
    assert (shown["id"], shown["draining"]) == (worker.id, True)


async def test_deliveries_of_an_export_that_announces_nothing_are_none(api: Api, worker: Worker) -> None:
    export = await given_up(api, worker)
    code, out, _ = await exportctl(api, "deliveries", export.id, "--output", "json")
    assert (code, json.loads(out)) == (0, {"deliveries": []})
    unknown = f"msg_{0:032x}"
    code, _, err = await exportctl(api, "redeliver", unknown)
    assert code == 2
    assert f"there is no delivery {unknown}" in err
