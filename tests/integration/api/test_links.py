"""Download links at the front door: what they open, and all that they do not."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from exportd.v1 import export_pb2, export_service_pb2
from exportd.v1 import link_service_pb2 as pb2
from exportd.v1.link_service_pb2_grpc import LinkServiceStub
from services.api.domain.key_texts import written
from services.api.domain.keys import Holder, Scope
from services.api.domain.links import MAX_LIVE_OF_EXPORT, LinkPolicy
from services.api.rpc.export_service import MAX_DOWNLOADS_OF_LINK
from services.api.rpc.links.pace import USES_AT_ONCE
from services.api.settings import ApiSettings
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from tests.integration.api.conftest import Api, Clock, Worker, serving, until
from tests.integration.api.refusals import Refusal, refused
from tests.integration.api.test_keys import METHODS, keys, of_tenant
from tests.integration.api.test_open_calls import _open as opened_calls

__all__ = ["keys"]
CONTENT = b"id\r\n1\r\n2\r\n"
HOUR = timedelta(hours=1)
USE, OTHER_USE = "u" * 16, "v" * 16
NO_SUCH = ("NOT_FOUND", "LINK_NOT_FOUND")
Metadata = list[tuple[str, str]]


@dataclass(frozen=True)
class Links:
    """The calls of LinkService, and the download behind a link."""

    api: Api
    stub: Any

    async def create(self, metadata: Metadata = [], **fields: Any) -> pb2.CreateDownloadLinkResponse:  # noqa: B006
        request = pb2.CreateDownloadLinkRequest(**fields)
        made: pb2.CreateDownloadLinkResponse = await self.stub.CreateDownloadLink(request, metadata=metadata)
        return made

    async def file(self, text: str) -> pb2.LinkedFile:
        file: pb2.LinkedFile = await self.stub.GetLinkedFile(pb2.GetLinkedFileRequest(), metadata=shown(text))
        return file

    async def use(self, text: str, use_id: str = USE) -> str:
        request = pb2.UseDownloadLinkRequest(use_id=use_id)
        ticket: pb2.DownloadTicket = await self.stub.UseDownloadLink(request, metadata=shown(text))
        return ticket.ticket

    async def revoke(self, link_id: str, metadata: Metadata = []) -> pb2.DownloadLink:  # noqa: B006
        request = pb2.RevokeDownloadLinkRequest(link_id=link_id)
        revoked: pb2.DownloadLink = await self.stub.RevokeDownloadLink(request, metadata=metadata)
        return revoked

    async def listed(self, export_id: str, metadata: Metadata = []) -> list[pb2.DownloadLink]:  # noqa: B006
        request = pb2.ListDownloadLinksRequest(export_id=export_id)
        return list((await self.stub.ListDownloadLinks(request, metadata=metadata)).links)

    async def content(self, text: str, **fields: Any) -> bytes:
        request = export_service_pb2.DownloadFileRequest(**fields)
        call = self.api.exports.DownloadFile(request, metadata=shown(text))
        return b"".join([message.data async for message in call])


def shown(text: str) -> Metadata:
    return [("x-exportd-link", text)]


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    return replace(settings, links=LinkPolicy(timedelta(days=2), "https://exports.example.com/a"))


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


@pytest.fixture
async def links(api: Api) -> AsyncIterator[Links]:
    async with grpc.aio.insecure_channel(api.target) as channel:
        yield Links(api, LinkServiceStub(channel))


@pytest.fixture
async def export(api: Api, worker: Worker) -> export_pb2.Export:
    """One that is done, of the tenant `default`."""
    return await built(api, worker)


async def built(api: Api, worker: Worker, metadata: Metadata = [], content: bytes = CONTENT) -> export_pb2.Export:  # noqa: B006
    request = export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV)
    created = await api.exports.CreateExport(request, metadata=metadata)
    await worker.build(content)
    get = export_service_pb2.GetExportRequest(export_id=created.id)
    return await api.exports.GetExport(get, metadata=metadata)


async def ended(call: Awaitable[Any]) -> tuple[str, str]:
    refusal = await refused(call)
    return refusal.code, refusal.reason


# ---- what a link opens


async def test_a_link_tells_what_its_file_is_and_a_use_of_it_opens_the_file(
    links: Links, export: export_pb2.Export
) -> None:
    made = await links.create(export_id=export.id, max_uses=1, label="for Анна")
    assert made.url == f"https://exports.example.com/a/links/{made.token}"
    assert made.token.startswith(f"exl_{made.link.id}")
    file = await links.file(made.token)
    assert (file.filename, file.size_bytes, file.row_count, file.type) == (export.file.filename, 10, 2, "Orders")
    assert (file.sha256, file.uses_left) == (hashlib.sha256(CONTENT).hexdigest(), 1)
    assert file.expire_time == made.link.expire_time
    ticket = await links.use(made.token)
    assert await links.content(ticket) == CONTENT
    assert await links.content(ticket, offset=4, limit=3) == CONTENT[4:7]
    assert await links.content(ticket, export_id=export.id) == CONTENT
    assert await links.content(ticket, file_id=export.file.id.upper()) == CONTENT
    (link,) = await links.listed(export.id)
    assert (link.uses, link.max_uses, link.label, link.file_id) == (1, 1, "for Анна", export.file.id)
    assert link.HasField("last_use_time")


async def test_looking_is_no_use(links: Links, export: export_pb2.Export) -> None:
    made = await links.create(export_id=export.id, max_uses=1)
    for _ in range(3):
        await links.file(made.token)
    assert (await links.listed(export.id))[0].uses == 0


async def test_a_use_is_repeated_for_an_hour_at_no_cost(links: Links, export: export_pb2.Export, clock: Clock) -> None:
    made = await links.create(export_id=export.id, max_uses=1)
    ticket = await links.use(made.token)
    assert await ended(links.file(made.token)) == NO_SUCH
    clock.now += HOUR - timedelta(seconds=2)
    assert await links.use(made.token) == ticket
    assert await ended(links.use(made.token, OTHER_USE)) == NO_SUCH
    assert await links.content(ticket, offset=5) == CONTENT[5:]
    clock.now += timedelta(seconds=4)
    assert await ended(links.content(ticket)) == NO_SUCH
    assert await ended(links.use(made.token)) == NO_SUCH


async def test_of_many_uses_at_once_only_as_many_open_the_file_as_there_are(
    links: Links, export: export_pb2.Export
) -> None:
    made = await links.create(export_id=export.id, max_uses=3)
    uses = [links.use(made.token, f"use{n:013}") for n in range(12)]
    tickets = [each for each in await asyncio.gather(*uses, return_exceptions=True) if isinstance(each, str)]
    assert len(tickets) == 3
    assert [await links.content(each) for each in tickets] == [CONTENT] * 3


async def test_a_link_of_a_file_opens_that_file(api: Api, links: Links, worker: Worker) -> None:
    created = await api.create(file_types=["order.pdf"], packaging=export_pb2.PACKAGING_SEPARATE)
    (job,) = await worker.lease()
    await worker.heartbeat(job)
    beside = worker.file(job, b"PK", "attachments.zip", media_type="application/zip", extension="zip")
    await worker.complete(job, worker.file(job, CONTENT), attachments=beside)
    done = await api.get(created.id)
    made = await links.create(file_id=done.attachments_file.id)
    assert (await links.file(made.token)).row_count == 0
    ticket = await links.use(made.token)
    assert await links.content(ticket) == b"PK"
    assert await ended(links.content(ticket, file_id=done.file.id)) == NO_SUCH


# ---- how long it lasts


async def test_a_link_lasts_no_longer_than_its_file_its_key_and_the_limit(
    api: Api, links: Links, worker: Worker, keys: Keys, clock: Clock
) -> None:
    reader = await of_tenant(keys)
    _, brief = await keys.create(NewKey(Holder.CALLER, "acme", lasts=timedelta(minutes=30)))
    export = await built(api, worker, reader)

    async def lasts(metadata: Metadata, **fields: Any) -> timedelta:
        made = await links.create(metadata, export_id=export.id, **fields)
        return made.link.expire_time.ToDatetime(clock.now.tzinfo) - clock.now

    assert await lasts(reader) == timedelta(days=2)
    assert await lasts(reader, lasts=Duration(seconds=90)) == timedelta(seconds=90)
    assert await lasts([("x-api-key", brief)]) == timedelta(minutes=30)
    clock.now += timedelta(days=6)
    left = export.file.expire_time.ToDatetime(clock.now.tzinfo) - clock.now
    assert timedelta(hours=20) < left <= timedelta(days=1)
    assert await lasts(reader) == left


async def test_what_no_link_can_have_is_refused_with_all_its_mistakes(links: Links, export: export_pb2.Export) -> None:
    wrong = links.create(export_id=export.id, max_uses=1001, label="a\nb", lasts=Duration(seconds=59))
    assert set((await refused(wrong)).violations) == {"max_uses", "label", "lasts"}
    too_long = links.create(export_id=export.id, lasts=Duration(seconds=2 * 86400 + 1))
    assert "172800 s" in (await refused(too_long)).violations["lasts"]
    assert set((await refused(links.create())).violations) == {"export_id"}
    made = await links.create(export_id=export.id)
    for use_id in ("", "short", "u" * 65, "u" * 15 + "-"):
        assert set((await refused(links.use(made.token, use_id))).violations) == {"use_id"}


async def test_there_is_no_link_to_a_file_that_is_not_there(api: Api, links: Links, export: export_pb2.Export) -> None:
    waiting = await api.create()
    assert (await ended(links.create(export_id=waiting.id)))[1] == "EXPORT_NOT_READY"
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=waiting.id))
    assert (await ended(links.create(export_id=waiting.id)))[1] == "EXPORT_CANCELLED"
    assert (await ended(links.create(file_id=waiting.id)))[1] == "FILE_NOT_FOUND"


# ---- what a link does not open

Try = Callable[[Links, str, str], Awaitable[Any]]
TRIES: dict[str, Try] = {
    "file": lambda links, token, _: links.file(token),
    "use": lambda links, token, _: links.use(token, OTHER_USE),
    "content": lambda links, _, ticket: links.content(ticket),
}


async def _revoke(links: Links, made: pb2.CreateDownloadLinkResponse, clock: Clock) -> None:
    await links.revoke(made.link.id)
    clock.now += timedelta(seconds=2)


async def _expire(links: Links, made: pb2.CreateDownloadLinkResponse, clock: Clock) -> None:
    clock.now += timedelta(minutes=2)


async def _delete(links: Links, made: pb2.CreateDownloadLinkResponse, clock: Clock) -> None:
    await links.api.exports.DeleteExport(export_service_pb2.DeleteExportRequest(export_id=made.link.export_id))


ENDS = {"revoked": _revoke, "expired": _expire, "of a deleted export": _delete}


@pytest.mark.parametrize("attempt", sorted(TRIES))
@pytest.mark.parametrize("end", sorted(ENDS))
async def test_a_link_that_has_ended_opens_nothing(
    links: Links, export: export_pb2.Export, clock: Clock, end: str, attempt: str
) -> None:
    made = await links.create(export_id=export.id, lasts=Duration(seconds=60))
    ticket = await links.use(made.token)
    await TRIES[attempt](links, made.token, ticket)
    await ENDS[end](links, made, clock)
    assert await ended(TRIES[attempt](links, made.token, ticket)) == NO_SUCH


async def test_texts_that_are_no_link_all_have_the_same_answer(
    links: Links, export: export_pb2.Export, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.rpc.links.pace.SECONDS_A_USE", 600)  # longer than the test takes
    made, other = [await links.create(export_id=export.id) for _ in range(2)]
    ticket, id_ = await links.use(made.token), made.link.id
    secret = made.token[14:54]
    used_up = await links.create(export_id=export.id, max_uses=1)
    await links.use(used_up.token)
    texts = {
        "unknown": written("exl", "A" * 10, secret),
        "another secret": written("exl", id_, "A" * 40),
        "another id": written("exl", other.link.id, secret),
        "a wrong checksum": made.token[:-1] + ("A" if made.token[-1] != "A" else "B"),
        "a key": written("exd", id_, secret),
        "no token": "x",
        "used up": used_up.token,
        "a ticket where a token is needed": ticket,
        "a ticket of another link": f"ext_{other.link.id}{ticket[14:]}",
        "a ticket that ends later": f"{ticket[:14]}{'f' * 10}{ticket[24:]}",
        "a ticket with another code": ticket[:-1] + ("0" if ticket[-1] != "0" else "1"),
    }
    refusals = {name: await refused(links.file(text)) for name, text in texts.items()}
    assert {(each.code, each.reason, each.message) for each in refusals.values()} == {
        ("NOT_FOUND", "LINK_NOT_FOUND", refusals["unknown"].message)
    }
    assert all(each.metadata == {} for each in refusals.values())
    for name in ("a ticket of another link", "a ticket that ends later", "a ticket with another code", "unknown"):
        assert await ended(links.content(texts[name])) == NO_SUCH, name


async def test_a_link_opens_its_own_file_only(
    api: Api, links: Links, worker: Worker, export: export_pb2.Export
) -> None:
    other = await built(api, worker)
    of_another = await built(api, worker, [("x-exportd-tenant", "other")])
    ticket = await links.use((await links.create(export_id=export.id)).token)
    for named in (other, of_another):
        assert await ended(links.content(ticket, export_id=named.id)) == NO_SUCH
        assert await ended(links.content(ticket, file_id=named.file.id)) == NO_SUCH
    assert (await refused(links.content(ticket, offset=99))).reason == "OFFSET_OUT_OF_RANGE"
    assert (await refused(links.content(ticket, if_sha256="0" * 64))).reason == "FILE_CHANGED"


async def test_a_token_downloads_nothing_without_a_use(links: Links, export: export_pb2.Export) -> None:
    made = await links.create(export_id=export.id)
    assert (await refused(links.content(made.token))).reason == "BAD_CREDENTIALS"
    assert (await links.listed(export.id))[0].uses == 0


async def test_a_link_is_good_for_no_other_method(links: Links, export: export_pb2.Export, api: Api) -> None:
    made = await links.create(export_id=export.id)
    for text in (made.token, await links.use(made.token)):
        for method, descriptor in METHODS.items():
            if method.rpartition("/")[2] in {"GetLinkedFile", "UseDownloadLink", "DownloadFile"}:
                continue
            refusal = await _called(api, method, descriptor, shown(text))
            assert (refusal.code, refusal.reason) == ("PERMISSION_DENIED", "SCOPE_MISSING"), method


async def _called(api: Api, method: str, descriptor: Any, metadata: Metadata) -> Refusal:
    async with grpc.aio.insecure_channel(api.target) as channel:
        kind = channel.unary_stream if descriptor.server_streaming else channel.unary_unary
        call = kind(method)(b"", metadata=metadata)
        return await refused(call.read() if descriptor.server_streaming else call)


async def test_two_links_or_a_link_and_a_key_are_refused(links: Links, export: export_pb2.Export, keys: Keys) -> None:
    made = await links.create(export_id=export.id)
    key = await of_tenant(keys)
    for metadata in (shown(made.token) * 2, [*shown(made.token), *key]):
        call = links.stub.GetLinkedFile(pb2.GetLinkedFileRequest(), metadata=metadata)
        assert (await refused(call)).reason == "BAD_CREDENTIALS"


# ---- who may create one, and who sees it


async def test_creating_a_link_needs_the_scope_to_read(
    api: Api, links: Links, worker: Worker, keys: Keys, clock: Clock
) -> None:
    reader = await of_tenant(keys, scopes=frozenset({Scope.READ, Scope.CREATE}))
    creator = await of_tenant(keys, scopes=frozenset(Scope) - {Scope.READ}, all_tenants=True)
    export = await built(api, worker, reader)
    assert (await ended(links.create(creator, export_id=export.id)))[1] == "SCOPE_MISSING"
    made = await links.create(reader, export_id=export.id)
    assert made.link.creator.startswith("key:")
    assert (await ended(links.revoke(made.link.id, creator)))[1] == "SCOPE_MISSING"
    assert (await links.file(made.token)).size_bytes == 10


async def test_a_link_is_seen_and_revoked_by_its_own_tenant_only(
    api: Api, links: Links, worker: Worker, keys: Keys, clock: Clock
) -> None:
    own, other = await of_tenant(keys), await of_tenant(keys, "other", all_tenants=True)
    of_some = await of_tenant(keys, collections=frozenset({"Shops"}))
    export = await built(api, worker, own)
    made = await links.create(own, export_id=export.id)
    for metadata in (other, of_some):
        assert (await ended(links.create(metadata, export_id=export.id)))[1] == "EXPORT_NOT_FOUND"
        assert (await ended(links.create(metadata, file_id=export.file.id)))[1] == "FILE_NOT_FOUND"
        assert (await ended(links.listed(export.id, metadata)))[1] == "EXPORT_NOT_FOUND"
        assert await ended(links.revoke(made.link.id, metadata)) == NO_SUCH
    assert (await links.file(made.token)).size_bytes == 10
    revoked = await links.revoke(made.link.id, own)
    assert await links.revoke(made.link.id, own) == revoked
    clock.now += timedelta(seconds=2)
    assert await ended(links.file(made.token)) == NO_SUCH
    assert (await ended(links.revoke("A" * 10, own))) == NO_SUCH
    assert set((await refused(links.revoke("none", own))).violations) == {"link_id"}


async def test_links_are_listed_page_by_page(links: Links, export: export_pb2.Export) -> None:
    made = {(await links.create(export_id=export.id)).link.id for _ in range(5)}
    listed, token = [], ""
    while True:
        request = pb2.ListDownloadLinksRequest(export_id=export.id, page_size=2, page_token=token)
        page = await links.stub.ListDownloadLinks(request)
        listed += [each.id for each in page.links]
        if not (token := page.next_page_token):
            break
    assert listed == sorted(made)


# ---- calls that are open


async def test_a_download_ends_with_its_link(api: Api, links: Links, worker: Worker, clock: Clock) -> None:
    """One that is revoked, one that expires; that of a third one goes on, also after its ticket has ended."""
    export = await built(api, worker, content=b"x" * (32 << 20))
    revoked, passing, lasting = [
        await links.create(export_id=export.id, lasts=lasts)
        for lasts in (None, Duration(seconds=7200), Duration(seconds=86400))
    ]
    tickets = [await links.use(made.token) for made in (revoked, passing, lasting)]
    request = export_service_pb2.DownloadFileRequest()
    calls = [api.exports.DownloadFile(request, metadata=shown(ticket)) for ticket in tickets]
    for call in calls:
        await call.read()
    await opened_calls(api, 0, 3)
    await links.revoke(revoked.link.id)
    clock.now += timedelta(hours=3)
    await until(lambda: api.parts.servers.open_calls[0].count == 1)
    for call in calls[:2]:
        assert (await refused(_end(call))).reason == "BAD_CREDENTIALS"
    assert not calls[2].done()
    calls[2].cancel()


async def test_one_link_takes_few_of_the_downloads_of_its_tenant(api: Api, links: Links, worker: Worker) -> None:
    export = await built(api, worker, content=b"x" * (32 << 20))
    made = await links.create(export_id=export.id)
    ticket = await links.use(made.token)
    request = export_service_pb2.DownloadFileRequest()
    calls = [api.exports.DownloadFile(request, metadata=shown(ticket)) for _ in range(MAX_DOWNLOADS_OF_LINK)]
    for call in calls:
        await call.read()
    one_more = await refused(_end(api.exports.DownloadFile(request, metadata=shown(ticket))))
    assert one_more.reason == "TOO_MANY_STREAMS"
    other = await links.use((await links.create(export_id=export.id)).token)
    assert await api.exports.DownloadFile(request, metadata=shown(other)).read() is not grpc.aio.EOF
    calls[0].cancel()
    await until(lambda: api.parts.servers.open_calls[0].count <= MAX_DOWNLOADS_OF_LINK)
    assert await api.exports.DownloadFile(request, metadata=shown(ticket)).read() is not grpc.aio.EOF
    for call in calls:
        call.cancel()


async def _end(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


# ---- how many


async def test_links_beyond_the_quota_are_refused_with_the_figure_and_when_to_come_again(
    links: Links, export: export_pb2.Export, clock: Clock
) -> None:
    for _ in range(MAX_LIVE_OF_EXPORT):
        made = await links.create(export_id=export.id, lasts=Duration(seconds=3600))
    refusal = await refused(links.create(export_id=export.id))
    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
    told = {"quota": "links_of_export", "used": "100", "limit": "100", "wait_s": refusal.metadata["wait_s"]}
    assert refusal.metadata == told
    assert 3590 <= int(refusal.metadata["wait_s"]) <= 3600
    usage = await links.api.exports.GetUsage(export_service_pb2.GetUsageRequest())
    assert {each.quota: each.used for each in usage.quotas}[export_service_pb2.QuotaUsage.QUOTA_LINKS] == 100
    await links.revoke(made.link.id)
    await links.create(export_id=export.id)
    clock.now += timedelta(seconds=int(refusal.metadata["wait_s"]))
    await links.create(export_id=export.id)


async def test_one_link_is_not_used_without_end_and_others_are_usable_meanwhile(
    links: Links, export: export_pb2.Export, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.rpc.links.pace.SECONDS_A_USE", 600)  # longer than the test takes
    made, other = [await links.create(export_id=export.id) for _ in range(2)]
    ticket = await links.use(made.token)
    used = 1
    while used < USES_AT_ONCE:
        assert await links.content(ticket, limit=1) == CONTENT[:1]
        used += 1
    refusals = [await refused(links.content(ticket)), await refused(links.use(made.token, OTHER_USE))]
    assert [(each.code, each.metadata["quota"]) for each in refusals] == [("RESOURCE_EXHAUSTED", "uses_of_link")] * 2
    assert await links.content(await links.use(other.token)) == CONTENT
    clock.now += timedelta(seconds=int(refusals[0].metadata["wait_s"]))
    assert await links.content(ticket) == CONTENT
