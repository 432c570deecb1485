"""The audit trail at the front door: what each call enters, and who may read it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from exportd.v1 import export_pb2, key_service_pb2, link_service_pb2, operator_service_pb2
from exportd.v1 import export_service_pb2 as pb2
from exportd.v1.key_service_pb2_grpc import KeyServiceStub
from exportd.v1.link_service_pb2_grpc import LinkServiceStub
from exportd.v1.operator_service_pb2 import AuditEntry, ListAuditEntriesRequest
from services.api.domain.audit import MAX_TEXT_CHARACTERS, Action
from services.api.domain.keys import Scope
from services.api.rpc.audit.decisions import ACTIONS
from services.api.rpc.audit.origins import address_of
from services.api.rpc.gate import SCOPES
from services.api.settings import ApiSettings
from services.api.usecases.keys import Keys
from services.api.world import World
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.refusals import refused
from tests.integration.api.test_keys import METHODS, keys, of_tenant

__all__ = ["keys"]
CREATE = pb2.CreateExportRequest(
    uri="/shops/7/orders?id[gt]=4711", format=export_pb2.FORMAT_CSV, callback_url="https://receiver.example/hush"
)
ALL = frozenset(Scope)
Metadata = list[tuple[str, str]]


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


@pytest.fixture
async def chief(keys: Keys) -> Metadata:
    """A key with every scope, for all tenants."""
    return await of_tenant(keys, scopes=ALL, all_tenants=True)


async def trail(api: Api, metadata: Metadata, **conditions: Any) -> list[AuditEntry]:
    """What is listed, newest first, two entries a page."""
    entries: list[AuditEntry] = []
    token = ""
    while True:
        request = ListAuditEntriesRequest(page_size=2, page_token=token, **conditions)
        page = await api.operators.ListAuditEntries(request, metadata=metadata)
        entries += page.entries
        if not (token := page.next_page_token):
            return entries


def names(entries: Sequence[AuditEntry]) -> list[str]:
    """The actions, oldest first."""
    return [AuditEntry.Action.Name(each.action).removeprefix("ACTION_") for each in reversed(entries)]


# ---- every method has a decision, and keeps to it


def test_it_is_decided_of_every_method_what_it_enters() -> None:
    """A new method fails here until it is decided; the next test fails until it does what was decided."""
    assert ACTIONS.keys() == METHODS.keys() == SCOPES.keys()


def test_every_action_is_one_of_the_interface() -> None:
    told = {name.removeprefix("ACTION_") for name, number in AuditEntry.Action.items() if number}
    assert told == {*Action.__members__}


@dataclass(frozen=True)
class There:
    """What calls are about."""

    api: Api
    keys: KeyServiceStub
    done: export_pb2.Export
    waiting: export_pb2.Export
    failed: export_pb2.Export
    delivery_id: str
    links: LinkServiceStub
    link_id: str
    link: Metadata
    key_id: str
    worker_id: str


@pytest.fixture
async def there(api: Api, chief: Metadata) -> AsyncIterator[There]:
    async def create() -> export_pb2.Export:
        return await api.exports.CreateExport(CREATE, metadata=chief)

    worker, done = Worker(api), await create()
    await worker.build(b"id,issuedAt\n")
    failed = await create()
    (job,) = await worker.lease()
    await worker.fail(job, "COLUMN_MISSING")
    listed = await api.exports.ListDeliveries(pb2.ListDeliveriesRequest(export_id=done.id), metadata=chief)
    async with grpc.aio.insecure_channel(api.target) as channel:
        stub = KeyServiceStub(channel)
        links = LinkServiceStub(channel)
        link = await links.CreateDownloadLink(
            link_service_pb2.CreateDownloadLinkRequest(export_id=done.id, label="hush"), metadata=chief
        )
        shown = [("x-exportd-link", link.token)]
        made = await stub.CreateKey(key_service_pb2.CreateKeyRequest(label="hush"), metadata=chief)
        yield There(
            api,
            stub,
            done,
            await create(),
            failed,
            listed.deliveries[0].id,
            links,
            link.link.id,
            shown,
            made.key.id,
            worker.id,
        )


Call = Callable[[There, Metadata], Awaitable[Any]]
OF_EXPORTS = "/exportd.v1.ExportService/"
OF_OPERATORS = "/exportd.v1.OperatorService/"
OF_LINKS = "/exportd.v1.LinkService/"
OF_KEYS = "/exportd.v1.KeyService/"
CALLS: dict[str, tuple[Call, str]] = {
    f"{OF_EXPORTS}CreateExport": (lambda it, by: it.api.exports.CreateExport(CREATE, metadata=by), ""),
    f"{OF_EXPORTS}CancelExport": (
        lambda it, by: it.api.exports.CancelExport(pb2.CancelExportRequest(export_id=it.waiting.id), metadata=by),
        "waiting",
    ),
    f"{OF_EXPORTS}DeleteExport": (
        lambda it, by: it.api.exports.DeleteExport(pb2.DeleteExportRequest(export_id=it.done.id), metadata=by),
        "done",
    ),
    f"{OF_OPERATORS}RetryExport": (
        lambda it, by: it.api.operators.RetryExport(
            operator_service_pb2.RetryExportRequest(export_id=it.failed.id), metadata=by
        ),
        "failed",
    ),
    f"{OF_OPERATORS}RedeliverNotification": (
        lambda it, by: it.api.operators.RedeliverNotification(
            operator_service_pb2.RedeliverNotificationRequest(delivery_id=it.delivery_id), metadata=by
        ),
        "done",
    ),
    f"{OF_OPERATORS}DrainWorker": (
        lambda it, by: it.api.operators.DrainWorker(
            operator_service_pb2.DrainWorkerRequest(worker_id=it.worker_id), metadata=by
        ),
        "worker_id",
    ),
    f"{OF_LINKS}CreateDownloadLink": (
        lambda it, by: it.links.CreateDownloadLink(
            link_service_pb2.CreateDownloadLinkRequest(export_id=it.done.id, label="hush"), metadata=by
        ),
        "done",
    ),
    f"{OF_LINKS}RevokeDownloadLink": (
        lambda it, by: it.links.RevokeDownloadLink(
            link_service_pb2.RevokeDownloadLinkRequest(link_id=it.link_id), metadata=by
        ),
        "done",
    ),
    f"{OF_KEYS}CreateKey": (
        lambda it, by: it.keys.CreateKey(key_service_pb2.CreateKeyRequest(label="hush"), metadata=by),
        "",
    ),
    f"{OF_KEYS}RotateKey": (
        lambda it, by: it.keys.RotateKey(key_service_pb2.RotateKeyRequest(key_id=it.key_id), metadata=by),
        "key_id",
    ),
    f"{OF_KEYS}RevokeKey": (
        lambda it, by: it.keys.RevokeKey(key_service_pb2.RevokeKeyRequest(key_id=it.key_id), metadata=by),
        "key_id",
    ),
}
"""A call of each method that changes something, and what its first entry is about, as There names it."""
STREAMS = {f"{OF_EXPORTS}{name}" for name in ("DownloadFile", "GetDownloadUrl", "PreviewExport")}
"""Those that change nothing and send rows; see test_audit_of_downloads.py."""


BY_LINK = {f"{OF_LINKS}UseDownloadLink"}
"""Those that need a link in place of a key."""


def test_every_method_that_enters_something_is_called_here() -> None:
    assert CALLS.keys() | STREAMS | BY_LINK == {method for method, actions in ACTIONS.items() if actions}


@pytest.mark.parametrize("method", CALLS)
async def test_a_call_enters_who_did_what_to_what(there: There, chief: Metadata, clock: Clock, method: str) -> None:
    call, about = CALLS[method]
    before = {each.id for each in await trail(there.api, chief)}
    clock.now += timedelta(seconds=1)
    await call(there, [*chief, ("x-request-id", "request-of-the-test")])
    entered = [each for each in await trail(there.api, chief) if each.id not in before]
    assert {*names(entered)} == {action.name for action in ACTIONS[method]}
    resource = getattr(there, about) if about else ""
    if about:
        assert entered[-1].resource_id == getattr(resource, "id", resource)
    for entry in entered:
        told = (entry.principal, entry.request_id, entry.peer)
        assert told == (f"key:{key_id_of(chief)}", "request-of-the-test", "127.0.0.1")
        assert entry.tenant == ("" if method.endswith("DrainWorker") else "acme")
        assert entry.create_time == _timestamp(clock)
        assert not any(secret in str(entry) for secret in ("hush", "4711", "exd_", "exl_", "/shops"))


async def test_a_use_of_a_link_is_entered_with_the_link_as_who_did_it(there: There, chief: Metadata) -> None:
    use = link_service_pb2.UseDownloadLinkRequest(use_id="0123456789abcdef")
    for _ in range(2):
        await there.links.UseDownloadLink(use, metadata=there.link)
    (entry,) = await trail(there.api, chief, principal=f"link:{there.link_id}")
    assert (names([entry]), entry.resource_id) == (["LINK_USED"], there.done.id)
    assert there.link[0][1][4:] not in str(entry)


def key_id_of(metadata: Metadata) -> str:
    return metadata[0][1].removeprefix("exd_")[:10]


def _timestamp(clock: Clock) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(clock.now)
    return made


async def test_refused_and_repeated_calls_enter_nothing(there: There, chief: Metadata) -> None:
    call = CALLS[f"{OF_EXPORTS}CancelExport"][0]
    await call(there, chief)
    before = await trail(there.api, chief)
    await call(there, chief)
    again = pb2.DeleteExportRequest(export_id=there.failed.id)
    for _ in range(2):
        await there.api.exports.DeleteExport(again, metadata=chief)
    unknown = pb2.CancelExportRequest(export_id="01912345-0000-7000-8000-000000000000")
    assert (await refused(there.api.exports.CancelExport(unknown, metadata=chief))).reason == "EXPORT_NOT_FOUND"
    strange = pb2.CreateExportRequest(uri="/nowhere", format=export_pb2.FORMAT_CSV)
    assert (await refused(there.api.exports.CreateExport(strange, metadata=chief))).reason == "COLLECTION_NOT_FOUND"
    validated = pb2.CreateExportRequest(uri=CREATE.uri, format=CREATE.format, validate_only=True)
    await there.api.exports.CreateExport(validated, metadata=chief)
    assert names((await trail(there.api, chief))[: -len(before)]) == ["EXPORT_DELETED"]


async def test_a_create_with_the_same_request_id_is_entered_once(api: Api, chief: Metadata) -> None:
    request = pb2.CreateExportRequest(request_id="once")
    request.MergeFrom(CREATE)
    made = await asyncio.gather(*(api.exports.CreateExport(request, metadata=chief) for _ in range(20)))
    assert len({export.id for export in made}) == 1
    assert names(await trail(api, chief, resource_id=made[0].id)) == ["EXPORT_CREATED"]


async def test_before_the_first_key_callers_are_anonymous_and_see_every_tenant(api: Api) -> None:
    for tenant in ("acme", "other"):
        await api.exports.CreateExport(CREATE, metadata=[("x-exportd-tenant", tenant)])
    entries = await trail(api, [])
    assert [(each.tenant, each.principal) for each in entries] == [("other", "anonymous"), ("acme", "anonymous")]


async def test_what_workers_do_is_not_in_it(api: Api, chief: Metadata) -> None:
    export = await api.exports.CreateExport(CREATE, metadata=chief)
    await Worker(api).build(b"id,issuedAt\n")
    assert names(await trail(api, chief, resource_id=export.id)) == ["EXPORT_CREATED"]


# ---- who may read it


@pytest.fixture
async def two(api: Api, keys: Keys, chief: Metadata) -> dict[str, Metadata]:
    """Operators of two tenants, each with an export, and one of all."""
    operators = {tenant: await of_tenant(keys, tenant, scopes=ALL) for tenant in ("acme", "other")}
    for metadata in operators.values():
        await api.exports.CreateExport(CREATE, metadata=metadata)
    return {**operators, "all": chief}


async def test_an_operator_of_a_tenant_sees_its_own_entries_only(api: Api, two: dict[str, Metadata]) -> None:
    for tenant in ("acme", "other"):
        own = await trail(api, two[tenant])
        assert {each.tenant for each in own} == {tenant}
        assert own == await trail(api, two[tenant], tenant=tenant) == await trail(api, two["all"], tenant=tenant)
    theirs = (await trail(api, two["other"], actions=[AuditEntry.ACTION_EXPORT_CREATED]))[0]
    assert await trail(api, two["acme"], resource_id=theirs.resource_id) == []
    assert await trail(api, two["acme"], principal=theirs.principal) == []
    for tenant in ("other", "nobody"):
        refusal = await refused(
            api.operators.ListAuditEntries(ListAuditEntriesRequest(tenant=tenant), metadata=two["acme"])
        )
        assert (refusal.code, refusal.reason) == ("PERMISSION_DENIED", "SCOPE_MISSING")


async def test_a_page_token_of_one_tenant_is_none_of_another(api: Api, two: dict[str, Metadata]) -> None:
    page = await api.operators.ListAuditEntries(ListAuditEntriesRequest(page_size=1), metadata=two["acme"])
    assert page.next_page_token
    request = ListAuditEntriesRequest(page_size=1, page_token=page.next_page_token)
    refusal = await refused(api.operators.ListAuditEntries(request, metadata=two["other"]))
    assert [*refusal.violations] == ["page_token"]


async def test_an_operator_of_all_sees_them_all_newest_first(api: Api, two: dict[str, Metadata]) -> None:
    entries = await trail(api, two["all"])
    assert {each.tenant for each in entries} == {"acme", "other"}
    assert [each.id for each in entries] == sorted((each.id for each in entries), reverse=True)


async def test_entries_are_found_by_what_is_known_of_them(api: Api, chief: Metadata, clock: Clock) -> None:
    early = await api.exports.CreateExport(CREATE, metadata=chief)
    clock.now += timedelta(hours=1)
    noon = _timestamp(clock)
    late = await api.exports.CreateExport(CREATE, metadata=chief)
    await api.exports.CancelExport(pb2.CancelExportRequest(export_id=late.id), metadata=chief)
    created = [AuditEntry.ACTION_EXPORT_CREATED]
    by = f"key:{key_id_of(chief)}"
    found = {
        "early": await trail(api, chief, actions=created, created_before=noon),
        "late": await trail(api, chief, actions=created, created_after=noon, principal=by),
        "both": await trail(api, chief, actions=created, tenant="acme"),
    }
    ids = {name: [each.resource_id for each in entries] for name, entries in found.items()}
    assert ids == {"early": [early.id], "late": [late.id], "both": [late.id, early.id]}
    assert names(await trail(api, chief, resource_id=late.id)) == ["EXPORT_CREATED", "EXPORT_CANCELLED"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("actions", [99]), ("resource_id", "x" * (MAX_TEXT_CHARACTERS + 1)), ("principal", "é" * 9000)],
)
async def test_a_condition_that_nothing_can_meet_is_refused(api: Api, field: str, value: Any) -> None:
    refusal = await refused(api.operators.ListAuditEntries(ListAuditEntriesRequest(**{field: value})))
    assert [*refusal.violations] == [field]


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.7:4711", "192.0.2.7"),
        ("ipv6:%5B2001:db8::1%5D:4711", "2001:db8::1"),
        ("ipv6:[::1]:4711", "::1"),
        ("unix:/run/exportd.sock", "unix:/run/exportd.sock"),
        ("", ""),
    ],
)
def test_a_peer_is_entered_without_its_port(peer: str, address: str) -> None:
    assert address_of(peer) == address


# ---- how long


async def test_entries_are_deleted_after_the_days_of_the_setting(api: Api, chief: Metadata, clock: Clock) -> None:
    await api.exports.CreateExport(CREATE, metadata=chief)
    clock.now += timedelta(days=2)
    last = await api.exports.CreateExport(CREATE, metadata=chief)
    api.parts.retention._policy = replace(api.parts.retention._policy, audit_kept=timedelta(days=1))
    await api.parts.retention.run_once()
    assert [each.resource_id for each in await trail(api, chief)] == [last.id]
