"""Keys of callers and tokens of workers, at the front door."""

from collections.abc import AsyncIterator
from datetime import UTC, timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2, export_service_pb2, key_service_pb2, link_service_pb2, operator_service_pb2
from exportd.v1.key_service_pb2_grpc import KeyServiceStub
from services.api.domain.keys import Holder, Scope, read, written
from services.api.rpc.gate import OF_ALL_TENANTS, SCOPES
from services.api.secrets.keys import KeyDigests
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings
from services.api.storage.datadir import key_file, secret_key
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from services.contract.capabilities import reads_rows
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.refusals import refused

METHODS = {
    f"/{service.full_name}/{method.name}": method
    for module in (export_service_pb2, key_service_pb2, link_service_pb2, operator_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
LIST = "/exportd.v1.ExportService/ListExports"
HOUR = timedelta(hours=1)
ANY_ID = "01912345-0000-7000-8000-000000000000"


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


@pytest.fixture
def keys(api: Api, settings: ApiSettings, clock: Clock) -> Keys:
    """As `exportd-api keys` has them: on the store, beside the api."""
    secret = secret_key(key_file(settings.data_dir, settings.secret_key_file), make=False)
    return Keys(api.parts.store.keys, KeyDigests(ServerKeys.of(secret)), clock)


async def of_tenant(keys: Keys, tenant: str = "acme", **more) -> list[tuple[str, str]]:
    """Metadata with a key of its own."""
    _, text = await keys.create(NewKey(Holder.CALLER, tenant, **more))
    return [("x-api-key", text)]


async def ended(api: Api, method: str, metadata: list[tuple[str, str]]) -> tuple[str, str]:
    """Code and reason of a call with an empty request; OK and nothing when it was answered."""
    descriptor = METHODS[method]
    answer = GetMessageClass(descriptor.output_type)
    async with grpc.aio.insecure_channel(api.target) as channel:
        kind = channel.unary_stream if descriptor.server_streaming else channel.unary_unary
        ask = kind(method, request_serializer=_bytes_of, response_deserializer=answer.FromString)
        call = ask(GetMessageClass(descriptor.input_type)(), metadata=metadata)
        try:
            await (call.read() if descriptor.server_streaming else call)
        except grpc.aio.AioRpcError as error:
            reason = (await refused(_raised(error))).reason
            return error.code().name, reason
    return "OK", ""


def _bytes_of(message: Message) -> bytes:
    return message.SerializeToString()


async def _raised(error: grpc.aio.AioRpcError) -> None:
    raise error


def test_every_method_says_what_a_key_must_allow() -> None:
    assert set(SCOPES) == set(METHODS)
    assert set(OF_ALL_TENANTS) < set(METHODS)


async def test_before_the_first_key_a_caller_names_its_tenant(api: Api) -> None:
    export = await api.exports.CreateExport(
        export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV),
        metadata=[("x-exportd-tenant", "acme")],
    )
    assert export.id


async def test_no_method_is_open_from_the_first_key_on_or_beyond_the_scopes_of_a_key(
    api: Api, keys: Keys, clock: Clock
) -> None:
    with_scope = {scope: await of_tenant(keys, scopes=frozenset({scope}), all_tenants=True) for scope in Scope}
    without = {scope: await of_tenant(keys, scopes=frozenset(Scope) - {scope}, all_tenants=True) for scope in Scope}
    of_one = await of_tenant(keys, scopes=frozenset(Scope))
    clock.now += timedelta(seconds=2)
    for method, scope in SCOPES.items():
        for metadata in ([], [("x-exportd-tenant", "acme")]):
            assert await ended(api, method, metadata) == ("UNAUTHENTICATED", "BAD_CREDENTIALS"), method
        assert await ended(api, method, without[scope]) == ("PERMISSION_DENIED", "SCOPE_MISSING"), method
        if not method.endswith("/CreateKey"):  # an empty request wants a key that may do more than this one
            assert (await ended(api, method, with_scope[scope]))[1] not in ("BAD_CREDENTIALS", "SCOPE_MISSING"), method
        if method in OF_ALL_TENANTS:
            assert await ended(api, method, of_one) == ("PERMISSION_DENIED", "SCOPE_MISSING"), method


WRONG: list[list[tuple[str, str]]] = [
    [("x-api-key", "")],
    [("x-api-key", "exd_")],
    [("x-api-key", "KEY"), ("x-api-key", "KEY")],
    [("x-api-key", "KEY"), ("authorization", "Bearer KEY")],
    [("x-api-key", "KEY ")],
    [("x-api-key", "exd_KEY")],
    [("authorization", "KEY")],
    [("authorization", "Basic KEY")],
    [("authorization", "Bearer  KEY")],
    [("authorization", "Bearer KEY"), ("authorization", "Bearer KEY")],
    [("x-api-key", "TOKEN")],
    [("x-api-key", "OTHER")],
]
"""Metadata with KEY for a valid key, TOKEN for that of a worker, OTHER for one with the id of the first."""


async def test_what_is_not_one_valid_key_is_refused(api: Api, keys: Keys) -> None:
    _, key = await keys.create(NewKey(Holder.CALLER, "acme"))
    _, token = await keys.create(NewKey(Holder.WORKER))
    other = key[:14] + ("A" if key[14] != "A" else "B") + key[15:]
    known = {"KEY": key, "TOKEN": token, "OTHER": written(Holder.CALLER, key[4:14], other[14:54])}
    for metadata in WRONG:
        sent = metadata
        for word, text in known.items():
            sent = [(name, value.replace(word, text)) for name, value in sent]
        assert await ended(api, LIST, sent) == ("UNAUTHENTICATED", "BAD_CREDENTIALS"), metadata
    assert await ended(api, LIST, [("authorization", f"Bearer {key}")]) == ("OK", "")


async def test_a_key_is_of_its_tenant_whatever_the_call_says(api: Api, keys: Keys) -> None:
    acme, other = await of_tenant(keys), await of_tenant(keys, "other")
    create = export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV)
    export = await api.exports.CreateExport(create, metadata=acme)
    get = export_service_pb2.GetExportRequest(export_id=export.id)
    for metadata in (other, [*other, ("x-exportd-tenant", "acme")]):
        assert (await refused(api.exports.GetExport(get, metadata=metadata))).reason == "EXPORT_NOT_FOUND"
    assert (await api.exports.GetExport(get, metadata=[*acme, ("x-exportd-tenant", "other")])).id == export.id


async def test_the_queue_shows_other_tenants_to_who_may_see_them(api: Api, keys: Keys) -> None:
    create = export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV)
    for tenant in ("acme", "other"):
        await api.exports.CreateExport(create, metadata=await of_tenant(keys, tenant))
    for all_tenants, shown in ((False, ["acme"]), (True, ["acme", "other"])):
        metadata = await of_tenant(keys, scopes=frozenset({Scope.OPERATE}), all_tenants=all_tenants)
        queue = await api.operators.GetQueue(operator_service_pb2.GetQueueRequest(), metadata=metadata)
        assert [tenant.tenant for tenant in queue.tenants] == shown


async def test_a_key_that_is_revoked_or_over_opens_nothing_within_a_second(api: Api, keys: Keys, clock: Clock) -> None:
    passing, lasting = [await keys.create(NewKey(Holder.CALLER, "acme", lasts=lasts)) for lasts in (HOUR, None)]
    for _, text in (passing, lasting):
        assert await ended(api, LIST, [("x-api-key", text)]) == ("OK", "")
    clock.now += HOUR
    assert await ended(api, LIST, [("x-api-key", passing[1])]) == ("UNAUTHENTICATED", "BAD_CREDENTIALS")
    assert await ended(api, LIST, [("x-api-key", lasting[1])]) == ("OK", "")
    await keys.revoke(lasting[0].id)
    clock.now += timedelta(seconds=1)
    assert await ended(api, LIST, [("x-api-key", lasting[1])]) == ("UNAUTHENTICATED", "BAD_CREDENTIALS")


# ---- workers


def _with(worker: Worker, text: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {text}")]


def _lease(worker: Worker, *names: str, store_id: str = "") -> queue_pb2.LeaseJobsRequest:
    capabilities = queue_pb2.Capabilities(names=names, store_id=store_id) if names else None
    return queue_pb2.LeaseJobsRequest(worker_id=worker.id, poll_id=ANY_ID, max_jobs=1, capabilities=capabilities)


async def test_from_the_first_token_on_no_worker_works_without(api: Api, keys: Keys, clock: Clock) -> None:
    worker = Worker(api)
    assert not (await api.jobs.LeaseJobs(_lease(worker))).jobs
    _, token = await keys.create(NewKey(Holder.WORKER))
    _, key = await keys.create(NewKey(Holder.CALLER, "acme", scopes=frozenset(Scope), all_tenants=True))
    clock.now += timedelta(seconds=2)
    assert (await refused(api.jobs.LeaseJobs(_lease(worker)))).reason == "BAD_CREDENTIALS"
    assert (await refused(api.jobs.LeaseJobs(_lease(worker), metadata=_with(worker, key)))).reason == "BAD_CREDENTIALS"
    fresh = Worker(api)
    await api.jobs.LeaseJobs(_lease(fresh), metadata=_with(fresh, token))


async def test_a_worker_stays_itself_when_its_token_is_rotated(api: Api, keys: Keys, clock: Clock) -> None:
    old, text = await keys.create(NewKey(Holder.WORKER, sources=frozenset({"shop"})))
    worker = Worker(api)
    beat = queue_pb2.HeartbeatRequest(worker_id=worker.id)
    await api.jobs.Heartbeat(beat, metadata=_with(worker, text))
    for _ in range(2):
        new, text = await keys.rotate(old.id, None, HOUR, None)
        await api.jobs.Heartbeat(beat, metadata=_with(worker, text))
        old = new
    _, stranger = await keys.create(NewKey(Holder.WORKER))
    assert (await refused(api.jobs.Heartbeat(beat, metadata=_with(worker, stranger)))).reason == "WORKER_FORBIDDEN"


async def test_a_worker_whose_token_was_revoked_goes_on_with_another_one(api: Api, keys: Keys, clock: Clock) -> None:
    worker = Worker(api)
    beat = queue_pb2.HeartbeatRequest(worker_id=worker.id)
    await api.jobs.Heartbeat(beat)  # before there is a token
    first, text = await keys.create(NewKey(Holder.WORKER))
    clock.now += timedelta(seconds=2)
    await api.jobs.Heartbeat(beat, metadata=_with(worker, text))
    _, other = await keys.create(NewKey(Holder.WORKER))
    assert (await refused(api.jobs.Heartbeat(beat, metadata=_with(worker, other)))).reason == "WORKER_FORBIDDEN"
    await keys.revoke(first.id)
    clock.now += timedelta(seconds=2)
    await api.jobs.Heartbeat(beat, metadata=_with(worker, other))


@pytest.mark.parametrize("tenants", [{"acme"}, {"other"}])
async def test_a_token_for_some_tenants_gets_nothing_of_others(api: Api, keys: Keys, tenants: set[str]) -> None:
    """No job, no preview, and no job that its id has leased by other credentials."""
    acme = await of_tenant(keys)
    create = export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV)
    export = await api.exports.CreateExport(create, metadata=acme)
    preview = api.exports.PreviewExport(
        export_service_pb2.PreviewExportRequest(export=create, max_rows=1), metadata=acme
    )
    await api.previews_in_line(1)
    _, token = await keys.create(NewKey(Holder.WORKER, tenants=frozenset(tenants)))
    worker = Worker(api)
    answer = await api.jobs.LeaseJobs(_lease(worker), metadata=_with(worker, token))
    assert [job.export_id for job in answer.jobs] == ([export.id] if "acme" in tenants else [])
    take = queue_pb2.TakePreviewRequest(worker_id=worker.id)
    taken = await api.jobs.TakePreview(take, metadata=_with(worker, token))
    assert taken.HasField("preview") == ("acme" in tenants)
    preview.cancel()


async def test_an_id_alone_brings_no_worker_the_jobs_of_another_pool(api: Api, keys: Keys, clock: Clock) -> None:
    """As after a restart of the api, or at another api: it does not know whose the id is."""
    export = await api.exports.CreateExport(
        export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV, password="secret"),
        metadata=await of_tenant(keys),
    )
    worker = Worker(api)
    await api.parts.store.leases.claim(worker.id, "p1", 1, clock())
    clock.now += timedelta(seconds=5)
    beat = queue_pb2.HeartbeatRequest(worker_id=worker.id)
    foreign = NewKey(Holder.WORKER, sources=frozenset({"other"})), NewKey(Holder.WORKER, tenants=frozenset({"other"}))
    for each in foreign:
        made, token = await keys.create(each)
        assert not (await api.jobs.Heartbeat(beat, metadata=_with(worker, token))).missing_jobs
        await keys.revoke(made.id)
        clock.now += timedelta(seconds=2)
    _, token = await keys.create(NewKey(Holder.WORKER, tenants=frozenset({"acme"})))
    missing = (await api.jobs.Heartbeat(beat, metadata=_with(worker, token))).missing_jobs
    assert [job.export_id for job in missing] == [export.id]


async def test_one_worker_leaves_room_for_others(api: Api) -> None:
    worker, other = Worker(api), Worker(api)
    streams = [api.jobs.WatchDirectives(queue_pb2.WatchDirectivesRequest(worker_id=worker.id)) for _ in range(16)]
    for stream in streams:
        await stream.read()
    one_more = api.jobs.WatchDirectives(queue_pb2.WatchDirectivesRequest(worker_id=worker.id))
    assert (await refused(one_more.read())).reason == "TOO_MANY_STREAMS"
    await api.jobs.WatchDirectives(queue_pb2.WatchDirectivesRequest(worker_id=other.id)).read()


async def test_a_worker_speaks_for_itself_only(api: Api, keys: Keys) -> None:
    tokens = [(await keys.create(NewKey(Holder.WORKER)))[1] for _ in range(2)]
    mine = Worker(api)
    await api.jobs.LeaseJobs(_lease(mine), metadata=_with(mine, tokens[0]))
    beat = queue_pb2.HeartbeatRequest(worker_id=mine.id, draining=True)
    assert (await refused(api.jobs.Heartbeat(beat, metadata=_with(mine, tokens[1])))).reason == "WORKER_FORBIDDEN"
    await api.jobs.Heartbeat(beat, metadata=_with(mine, tokens[0]))


async def test_a_token_for_some_sources_gets_no_jobs_of_others(api: Api, keys: Keys) -> None:
    create = export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV)
    export = await api.exports.CreateExport(create, metadata=await of_tenant(keys))
    store_id = (api.artifacts / ".exportd-store").read_text().strip()
    names = (reads_rows("sql", "shop"), reads_rows("sql", "other"), "spec/1", "format/CSV")
    for sources, leased in (({"other"}, []), ({"shop"}, [export.id])):
        _, token = await keys.create(NewKey(Holder.WORKER, sources=frozenset(sources)))
        worker = Worker(api)
        answer = await api.jobs.LeaseJobs(_lease(worker, *names, store_id=store_id), metadata=_with(worker, token))
        assert [job.export_id for job in answer.jobs] == leased


def test_a_typo_is_told_from_a_key_without_a_look_at_the_store() -> None:
    text = written(Holder.CALLER, "0" * 10, "a" * 40)
    assert read(text) == (Holder.CALLER, "0" * 10)
    typos = [text[:at] + ("b" if text[at] != "b" else "c") + text[at + 1 :] for at in range(4, len(text))]
    assert [typo for typo in typos if read(typo)] == []
    assert read(text.replace("exd", "exw")) is None
    assert [t for t in ("", "exd_", text[:-1], text + "0", f" {text}", f"{text}\n") if read(t)] == []


# ---- KeyService


def wanted(**fields) -> key_service_pb2.CreateKeyRequest:
    return key_service_pb2.CreateKeyRequest(**fields)


@pytest.fixture
async def key_service(api: Api) -> AsyncIterator[KeyServiceStub]:
    async with grpc.aio.insecure_channel(api.target) as channel:
        yield KeyServiceStub(channel)


async def test_a_key_for_keys_makes_and_ends_those_of_its_tenant(
    api: Api, keys: Keys, key_service: KeyServiceStub, clock: Clock
) -> None:
    chief = await of_tenant(keys, scopes=frozenset(Scope))
    foreign = (await keys.create(NewKey(Holder.CALLER, "other")))[0]
    made = await key_service.CreateKey(wanted(label="reports", lasts=Duration(seconds=3600)), metadata=chief)
    assert (made.key.tenant, made.key.label, made.key.id) == ("acme", "reports", made.text[4:14])
    assert await ended(api, LIST, [("x-api-key", made.text)]) == ("OK", "")
    listed = await key_service.ListKeys(key_service_pb2.ListKeysRequest(), metadata=chief)
    assert sorted(key.id for key in listed.keys) == sorted([chief[0][1][4:14], made.key.id])
    assert made.text not in str(listed)
    revoke = key_service_pb2.RevokeKeyRequest(key_id=foreign.id)
    assert (await refused(key_service.RevokeKey(revoke, metadata=chief))).reason == "KEY_NOT_FOUND"
    await key_service.RevokeKey(key_service_pb2.RevokeKeyRequest(key_id=made.key.id), metadata=chief)
    clock.now += timedelta(seconds=1)
    assert await ended(api, LIST, [("x-api-key", made.text)]) == ("UNAUTHENTICATED", "BAD_CREDENTIALS")


async def test_no_key_makes_one_that_is_stronger(keys: Keys, key_service: KeyServiceStub) -> None:
    modest = await of_tenant(keys, scopes=frozenset({Scope.KEYS, Scope.READ}))
    strong = (await keys.create(NewKey(Holder.CALLER, "acme", scopes=frozenset(Scope))))[0]
    worker = key_service_pb2.KEY_HOLDER_WORKER
    read_only = [key_service_pb2.SCOPE_READ]
    for request in (
        wanted(),
        wanted(scopes=[key_service_pb2.SCOPE_OPERATE]),
        wanted(scopes=read_only, tenant="other"),
        wanted(scopes=read_only, all_tenants=True),
        wanted(holder=worker),
    ):
        assert (await refused(key_service.CreateKey(request, metadata=modest))).reason == "SCOPE_MISSING", request
    rotate = key_service_pb2.RotateKeyRequest(key_id=strong.id)
    assert (await refused(key_service.RotateKey(rotate, metadata=modest))).reason == "SCOPE_MISSING"
    assert (await key_service.CreateKey(wanted(scopes=read_only), metadata=modest)).text
    over_all = await of_tenant(keys, "ops", scopes=frozenset(Scope), all_tenants=True)
    for request in (wanted(tenant="other"), wanted(holder=worker, sources=["shop"])):
        assert (await key_service.CreateKey(request, metadata=over_all)).text


async def test_no_key_outlasts_the_one_that_made_it(keys: Keys, key_service: KeyServiceStub, clock: Clock) -> None:
    passing = await of_tenant(keys, scopes=frozenset(Scope), lasts=HOUR)
    end = clock.now + HOUR
    lasting = await key_service.CreateKey(wanted(), metadata=await of_tenant(keys, scopes=frozenset(Scope)))
    own = passing[0][1][4:14]
    for lasts, ends in ((None, end), (60, clock.now + timedelta(minutes=1)), (7200, end)):
        made = await key_service.CreateKey(wanted(lasts=lasts and Duration(seconds=lasts)), metadata=passing)
        assert made.key.expire_time.ToDatetime(tzinfo=UTC) == ends
    for key_id in (own, lasting.key.id):
        rotated = await key_service.RotateKey(key_service_pb2.RotateKeyRequest(key_id=key_id), metadata=passing)
        assert rotated.key.expire_time.ToDatetime(tzinfo=UTC) == end


async def test_while_keys_are_rotated_both_are_valid(
    api: Api, keys: Keys, key_service: KeyServiceStub, clock: Clock
) -> None:
    chief = await of_tenant(keys, scopes=frozenset(Scope))
    old = await key_service.CreateKey(wanted(scopes=[key_service_pb2.SCOPE_READ], label="x"), metadata=chief)
    rotate = key_service_pb2.RotateKeyRequest(key_id=old.key.id, overlap=Duration(seconds=3600))
    new = await key_service.RotateKey(rotate, metadata=chief)
    assert (new.key.label, new.key.scopes) == ("x", old.key.scopes)
    clock.now += timedelta(minutes=59)
    for text in (old.text, new.text):
        assert await ended(api, LIST, [("x-api-key", text)]) == ("OK", "")
    clock.now += timedelta(minutes=2)
    assert await ended(api, LIST, [("x-api-key", old.text)]) == ("UNAUTHENTICATED", "BAD_CREDENTIALS")
    assert await ended(api, LIST, [("x-api-key", new.text)]) == ("OK", "")
    assert (await refused(key_service.RotateKey(rotate, metadata=chief))).reason == "KEY_NOT_FOUND"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (wanted(holder=9), "holder"),
        (wanted(tenant="a b"), "x-exportd-tenant"),
        (wanted(label="x" * 101), "label"),
        (wanted(label="a\nb"), "label"),
        (wanted(scopes=[0]), "scopes"),
        (wanted(scopes=[99]), "scopes"),
        (wanted(sources=["shop"]), "sources"),
        (wanted(holder=2, sources=["x"] * 101), "sources"),
        (wanted(holder=2, sources=[""]), "sources"),
        (wanted(holder=2, tenant="acme"), "tenant"),
        (wanted(holder=2, scopes=[1]), "scopes"),
        (wanted(holder=2, all_tenants=True), "all_tenants"),
        (wanted(collections=["Orders"], scopes=[1, 4]), "collections"),
        (wanted(collections=["Orders"], scopes=[5]), "collections"),
        (wanted(collections=["Orders"] * 101), "collections"),
        (wanted(collections=["[a-z]"]), "collections"),
        (wanted(collections=[""]), "collections"),
        (wanted(holder=2, collections=["Orders"]), "collections"),
        (wanted(tenants=["acme"]), "tenants"),
        (wanted(holder=2, tenants=["x"] * 101), "tenants"),
        (wanted(holder=2, tenants=["x" * 129]), "tenants"),
        (wanted(lasts=Duration(seconds=59)), "lasts"),
        (wanted(lasts=Duration(seconds=-1)), "lasts"),
        (wanted(lasts=Duration(seconds=2**62)), "lasts"),
    ],
)
async def test_a_key_that_cannot_be_is_refused_by_its_field(
    key_service: KeyServiceStub, request_: key_service_pb2.CreateKeyRequest, field: str
) -> None:
    refusal = await refused(key_service.CreateKey(request_))
    assert (refusal.reason, list(refusal.violations)) == ("INVALID_REQUEST", [field])


@pytest.mark.parametrize("key_id", ["", "x", "0123456789a", "012345678\n", "../../etc/"])
async def test_an_id_that_is_none_is_refused(key_service: KeyServiceStub, key_id: str) -> None:
    for call in (
        key_service.RevokeKey(key_service_pb2.RevokeKeyRequest(key_id=key_id)),
        key_service.RotateKey(key_service_pb2.RotateKeyRequest(key_id=key_id)),
    ):
        assert list((await refused(call)).violations) == ["key_id"]
