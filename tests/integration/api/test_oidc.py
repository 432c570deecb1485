"""Tokens of an OpenID provider at the front door: a real provider over https, a real api."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2, export_service_pb2, operator_service_pb2
from services.api.domain.keys import Holder
from services.api.oidc.known_keys import UNKNOWN_EACH_S
from services.api.oidc.settings import OidcSettings
from services.api.oidc.signed import MAX_TOKEN_CHARACTERS
from services.api.rpc.gate import SCOPES
from services.api.settings import ApiSettings
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from services.runtime.settings import SettingsReader
from services.runtime.startup import CannotStart
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.refusals import refused
from tests.integration.api.test_keys import LIST, ended, keys
from tests.integration.api.test_open_calls import CALLERS, _built, _end, _open
from tests.patience import PATIENCE_S
from tests.servers.oidc_provider import DISCOVERY, KEYS, ServedProvider, provider_in

__all__ = ["keys"]
LIST_ALL = export_service_pb2.ListExportsRequest()
CREATE = export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV)
EVERY_SCOPE = "exportd:create exportd:read exportd:cancel exportd:operate exportd:keys exportd:all-tenants"
Metadata = list[tuple[str, str]]


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[ServedProvider]:
    async with provider_in(tmp_path) as served:
        yield served


def oidc(provider: ServedProvider, **more: str) -> OidcSettings:
    read = SettingsReader({**provider.environ, **more})
    settings = OidcSettings.read(read)
    read.finish()
    assert settings is not None
    return settings


@pytest.fixture
def settings(settings: ApiSettings, provider: ServedProvider) -> ApiSettings:
    more = {"EXPORTD_OIDC_COLLECTIONS_CLAIM": "", "EXPORTD_OIDC_KEYS_KEPT_S": "7200"}
    return replace(settings, oidc=oidc(provider, **more))


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


def bearer(provider: ServedProvider, **claims: Any) -> Metadata:
    return [("authorization", f"Bearer {provider.issuer.token(**claims)}")]


async def reason(api: Api, metadata: Metadata) -> str:
    """Why a list is refused; OK if it is not."""
    return (await ended(api, LIST, metadata))[1] or "OK"


async def test_the_tenant_is_that_of_the_token_whatever_the_call_says(api: Api, provider: ServedProvider) -> None:
    acme, other = bearer(provider), bearer(provider, tenant="other", sub="bob")
    export = await api.exports.CreateExport(CREATE, metadata=[*acme, ("x-exportd-tenant", "other")])
    get = export_service_pb2.GetExportRequest(export_id=export.id)
    assert (await api.exports.GetExport(get, metadata=acme)).id == export.id
    for metadata in (other, [*other, ("x-exportd-tenant", "acme")]):
        assert (await refused(api.exports.GetExport(get, metadata=metadata))).reason == "EXPORT_NOT_FOUND"


async def test_no_method_is_open_beyond_the_scopes_of_a_token(api: Api, provider: ServedProvider) -> None:
    names = EVERY_SCOPE.split()
    for method, scope in SCOPES.items():
        own = f"exportd:{scope.value}"
        without = bearer(provider, scope=" ".join(name for name in names if name != own))
        assert await ended(api, method, []) == ("UNAUTHENTICATED", "BAD_CREDENTIALS"), method
        assert await ended(api, method, without) == ("PERMISSION_DENIED", "SCOPE_MISSING"), method
        answered = await ended(api, method, bearer(provider, scope=EVERY_SCOPE))
        assert not answered[1].startswith(("TOKEN_", "SCOPE_", "BAD_")), method
        if scope.value == "operate":
            of_one = await ended(api, method, bearer(provider, scope="exportd:operate"))
            assert (of_one[1] == "SCOPE_MISSING") == (method.rpartition("/")[2] in ("DrainWorker", "ListWorkers"))


async def test_names_that_the_settings_do_not_have_allow_nothing(api: Api, provider: ServedProvider) -> None:
    for scope in ("", "read", "exportd:", "exportd:READ", "exportd:read,exportd:create", "exportd:*", None, []):
        assert await reason(api, bearer(provider, scope=scope)) == "SCOPE_MISSING", scope


async def test_keys_and_tokens_go_side_by_side_but_not_in_one_call(
    api: Api, provider: ServedProvider, keys: Keys
) -> None:
    _, key = await keys.create(NewKey(Holder.CALLER, "acme"))
    token = provider.issuer.token()
    with_key, with_token = ("x-api-key", key), ("authorization", f"Bearer {token}")
    assert await reason(api, [with_key]) == await reason(api, [with_token]) == "OK"
    for doubled in (
        [with_key, with_token],
        [with_token, with_token],
        [("authorization", f"Bearer {key}"), with_token],
        [("x-api-key", token), with_token],
        [with_token, ("x-api-key", "")],
        [("x-api-key", token)],
        [("authorization", token)],
        [("authorization", f"Bearer  {token}")],
        [("authorization", f"Bearer {token}, Bearer {token}")],
        [("authorization", f"DPoP {token}")],
        [("Authorization".lower(), f"bearer {token} ")],
    ):
        assert await reason(api, doubled) == "BAD_CREDENTIALS", doubled


async def test_a_token_is_of_no_use_on_the_workers_port(api: Api, provider: ServedProvider, keys: Keys) -> None:
    await keys.create(NewKey(Holder.WORKER))
    lease = queue_pb2.LeaseJobsRequest(worker_id=Worker(api).id, poll_id=Worker(api).id, max_jobs=1)
    answer = await refused(api.jobs.LeaseJobs(lease, metadata=bearer(provider, scope=EVERY_SCOPE)))
    assert answer.reason == "BAD_CREDENTIALS"


async def test_a_large_token_passes(api: Api, provider: ServedProvider) -> None:
    """As those with the groups of their holder are. More than fits into a header is refused, by us or by gRPC."""
    large = bearer(provider, groups=["g" * 36] * 134)
    assert 7500 < len(large[0][1]) < MAX_TOKEN_CHARACTERS
    for _ in range(30):  # gRPC refuses some of the calls that are above its limit
        assert await reason(api, [*large, ("x-padding", "p" * 4000)]) == "OK"
    assert await reason(api, bearer(provider, groups=["g" * 36] * 180)) in ("BAD_CREDENTIALS", "TOKEN_INVALID")


async def test_new_keys_are_found_and_withdrawn_ones_are_forgotten(
    api: Api, provider: ServedProvider, clock: Clock
) -> None:
    old = bearer(provider)
    assert await reason(api, old) == "OK"
    provider.issuer.rotate("second")
    new = bearer(provider)
    assert await reason(api, old) == "OK"
    before = provider.asked.count(KEYS)
    refusal = await refused(api.exports.ListExports(LIST_ALL, metadata=new))  # they were read a moment ago
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "PROVIDER_UNAVAILABLE")
    assert 0 < int(refusal.metadata["wait_s"]) <= UNKNOWN_EACH_S
    assert provider.asked.count(KEYS) == before
    clock.now += timedelta(seconds=int(refusal.metadata["wait_s"]))
    assert await reason(api, new) == "OK"
    assert await reason(api, old) == "TOKEN_INVALID"
    assert provider.asked.count(KEYS) == before + 1
    clock.now += timedelta(seconds=UNKNOWN_EACH_S)
    assert await reason(api, old) == "TOKEN_INVALID"
    assert await reason(api, bearer(provider, sub="of a new key")) == "OK"


async def test_whoever_sends_unknown_keys_does_not_keep_a_new_one_from_being_found(
    api: Api, provider: ServedProvider, clock: Clock
) -> None:
    """The flood causes each reading that may be; every one of them reads the new key, too."""
    assert await reason(api, bearer(provider)) == "OK"
    await _reread(api, provider, clock)
    provider.issuer.rotate("second")
    new, rotated, before = bearer(provider), clock.now, provider.asked.count(KEYS)
    answers = []
    while (answer := await reason(api, new)) != "OK":
        answers.append(answer)
        clock.now += timedelta(seconds=1)
        await _unknown(api, provider, clock, f"random {len(answers)}")
        assert clock.now - rotated <= timedelta(seconds=UNKNOWN_EACH_S)
    assert set(answers) == {"PROVIDER_UNAVAILABLE"}
    assert provider.asked.count(KEYS) == before + 1


async def test_a_token_that_has_expired_is_refused_for_that_whatever_is_known_of_its_key(
    api: Api, provider: ServedProvider, clock: Clock
) -> None:
    assert await reason(api, bearer(provider)) == "OK"
    past = int(clock.now.timestamp()) - 3600
    provider.issuer.rotate("second")
    assert await reason(api, bearer(provider, iat=past - 60, nbf=past - 60, exp=past)) == "TOKEN_EXPIRED"


async def test_while_the_provider_is_away_an_unknown_key_is_not_called_invalid(
    api: Api, provider: ServedProvider, clock: Clock
) -> None:
    assert await reason(api, bearer(provider)) == "OK"
    provider.issuer.rotate("second")
    provider.answers = {DISCOVERY: _status(503), KEYS: _status(503)}
    clock.now += timedelta(seconds=UNKNOWN_EACH_S)
    assert await reason(api, bearer(provider)) == "PROVIDER_UNAVAILABLE"
    provider.answers.clear()
    clock.now += timedelta(seconds=UNKNOWN_EACH_S)
    assert await reason(api, bearer(provider)) == "OK"
    assert await _unknown(api, provider, clock, "third") == "PROVIDER_UNAVAILABLE"
    clock.now += timedelta(seconds=UNKNOWN_EACH_S)
    assert await _unknown(api, provider, clock, "third") == "TOKEN_INVALID"


async def test_the_last_keys_are_used_while_the_provider_is_away_but_not_for_ever(
    api: Api, provider: ServedProvider, clock: Clock
) -> None:
    life = {"exp": clock.now.timestamp() + 4 * 3600}
    known = bearer(provider, **life)
    assert await reason(api, known) == "OK"
    provider.answers = {DISCOVERY: _status(503), KEYS: _status(503)}
    clock.now += timedelta(hours=1)
    await _reread(api, provider, clock)
    assert await reason(api, known) == "OK"
    assert await reason(api, bearer(provider, sub="bob", **life)) == "OK"
    clock.now += timedelta(hours=1, seconds=1)
    for metadata in (known, bearer(provider, sub="carol", **life)):
        code, why = await ended(api, LIST, metadata)
        assert (code, why) == ("UNAVAILABLE", "PROVIDER_UNAVAILABLE")
    provider.answers.clear()
    clock.now += timedelta(seconds=UNKNOWN_EACH_S)
    assert await reason(api, known) == "OK"


async def test_an_api_starts_without_its_provider_and_finds_it_later(
    settings: ApiSettings, provider: ServedProvider, clock: Clock
) -> None:
    provider.answers = {DISCOVERY: _status(500)}
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as api:
        assert await reason(api, bearer(provider)) == "PROVIDER_UNAVAILABLE"
        provider.answers.clear()
        clock.now += timedelta(seconds=UNKNOWN_EACH_S)
        assert await reason(api, bearer(provider)) == "OK"


async def test_a_hundred_calls_at_once_read_the_keys_once(
    settings: ApiSettings, provider: ServedProvider, clock: Clock
) -> None:
    go = asyncio.Event()
    provider.answers = {KEYS: go}
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as api:
        calls = [asyncio.create_task(reason(api, bearer(provider, sub=f"user {n}"))) for n in range(100)]
        async with asyncio.timeout(PATIENCE_S):
            while KEYS not in provider.asked:
                await asyncio.sleep(0.01)  # between two looks
        go.set()
        assert set(await asyncio.gather(*calls)) == {"OK"}
    assert provider.asked.count(KEYS) == 1


async def test_a_call_ends_with_its_token(api: Api, provider: ServedProvider, clock: Clock) -> None:
    """Every call that lasts, with a token for a minute; those with one for an hour go on."""
    lasting, passing = (bearer(provider, exp=clock.now.timestamp() + seconds) for seconds in (3600, 60))
    waiting = (await api.exports.CreateExport(CREATE, metadata=lasting)).id
    built = await _built(api, lasting)
    ids = dict.fromkeys(CALLERS, waiting) | {"DownloadFile": built}
    opened = {name: [call(api, sent, ids[name]) for sent in (lasting, passing)] for name, call in CALLERS.items()}
    await api.previews_in_line(2)
    await _open(api, 0, 2 * len(CALLERS))
    clock.now += timedelta(seconds=60)
    await api.parts.servers.open_calls[0].run_once()
    assert api.parts.servers.open_calls[0].count == 2 * len(CALLERS)  # the clocks may differ by half a minute
    clock.now += timedelta(seconds=30)
    for name, (goes_on, ends) in opened.items():
        assert (await refused(_end(ends))).reason == "TOKEN_EXPIRED", name
        assert not goes_on.done(), name
        goes_on.cancel()


async def test_an_open_call_goes_on_while_the_provider_is_away_and_ends_with_its_key(
    api: Api, provider: ServedProvider, clock: Clock
) -> None:
    metadata = bearer(provider, exp=clock.now.timestamp() + 4 * 3600)
    export = await api.exports.CreateExport(CREATE, metadata=metadata)
    watch = CALLERS["WatchExport"](api, metadata, export.id)
    await _open(api, 0, 1)
    callers, _ = api.parts.servers.open_calls
    provider.answers = {DISCOVERY: _status(503)}
    clock.now += timedelta(hours=3)
    await callers.run_once()
    assert callers.count == 1
    provider.answers.clear()
    provider.issuer.rotate("second")
    await _reread(api, provider, clock)
    assert (await refused(_end(watch))).reason == "TOKEN_INVALID"


async def test_a_token_for_some_collections_sees_no_others(
    settings: ApiSettings, provider: ServedProvider, clock: Clock
) -> None:
    limited = replace(settings, oidc=oidc(provider, EXPORTD_OIDC_COLLECTIONS_CLAIM="/exportd/collections"))
    async with serving(limited, World(clock=clock, monotonic=clock.monotonic)) as api:

        async def seen(collections: object, scope: str = EVERY_SCOPE) -> list[str] | str:
            metadata = bearer(provider, scope=scope, exportd={"collections": collections})
            try:
                listed = await api.exports.ListCollections(
                    export_service_pb2.ListCollectionsRequest(), metadata=metadata
                )
            except grpc.aio.AioRpcError as error:
                return (await refused(_raise(error))).reason
            return [each.type for each in listed.collections]

        assert await seen(["Ord*"]) == ["Orders"]
        assert await seen("Shops Orders") == ["Orders", "Shops"]
        assert await seen("*") == await seen(["Shops", "*"]) == ["Orders", "Shops"]
        for unusable in (None, [], "", " ", {}, 7, [7], ["Or ders"], [""], ["["], ["O"] * 101, ["a" * 129]):
            assert await seen(unusable) == "TOKEN_CLAIM_UNUSABLE", unusable
        some = bearer(provider, scope=EVERY_SCOPE, exportd={"collections": ["Orders"]})
        for method in ("/exportd.v1.OperatorService/GetQueue", "/exportd.v1.KeyService/ListKeys"):
            assert (await ended(api, method, some))[1] == "SCOPE_MISSING"


async def test_claims_and_scopes_are_where_the_settings_say(
    settings: ApiSettings, provider: ServedProvider, clock: Clock
) -> None:
    """As Auth0, Keycloak and Entra have them."""
    shapes: list[tuple[dict[str, str], dict[str, Any]]] = [
        (
            {
                "EXPORTD_OIDC_TENANT_CLAIM": "https://exportd.example/tenant",
                "EXPORTD_OIDC_SCOPES_CLAIM": "permissions",
                "EXPORTD_OIDC_SCOPES": "read:exports=read,write:exports=create cancel",
            },
            {"https://exportd.example/tenant": "acme", "permissions": ["read:exports"]},
        ),
        (
            {
                "EXPORTD_OIDC_TENANT_CLAIM": "/organization/id",
                "EXPORTD_OIDC_SCOPES_CLAIM": "/resource_access/exportd/roles",
                "EXPORTD_OIDC_SCOPES": "reader=read",
            },
            {"organization": {"id": "acme"}, "resource_access": {"exportd": {"roles": ["reader"]}}},
        ),
        (
            {
                "EXPORTD_OIDC_TENANT_CLAIM": "tid",
                "EXPORTD_OIDC_SCOPES_CLAIM": "roles",
                "EXPORTD_OIDC_SCOPES": "Exports.Read=read",
            },
            {"tid": "acme", "roles": ["Exports.Read"]},
        ),
    ]
    for environ, claims in shapes:
        other = replace(settings, oidc=oidc(provider, **environ))
        async with serving(other, World(clock=clock, monotonic=clock.monotonic)) as api:
            metadata = bearer(provider, tenant=None, scope="exportd:create", **claims)
            assert await reason(api, metadata) == "OK"
            assert (await refused(api.exports.CreateExport(CREATE, metadata=metadata))).reason == "SCOPE_MISSING"


async def test_an_operator_across_tenants_needs_the_word_for_it(api: Api, provider: ServedProvider) -> None:
    await api.exports.CreateExport(CREATE, metadata=bearer(provider, tenant="other"))
    one, all_ = (bearer(provider, scope=f"exportd:operate{more}") for more in ("", " exportd:all-tenants"))
    request = operator_service_pb2.ListRunningExportsRequest()
    await api.operators.ListRunningExports(request, metadata=one)
    usage = operator_service_pb2.GetTenantUsageRequest(tenant="other")
    assert (await refused(api.operators.GetTenantUsage(usage, metadata=one))).reason == "SCOPE_MISSING"
    assert (await api.operators.GetTenantUsage(usage, metadata=all_)).IsInitialized()


async def test_beyond_loopback_a_provider_is_enough_to_start(settings: ApiSettings, tmp_path: Path) -> None:
    beyond = replace(settings, listen="0.0.0.0:0", tls_off=True)
    async with serving(beyond):
        pass
    with pytest.raises(CannotStart, match="there is no key yet"):
        async with serving(replace(beyond, oidc=None, data_dir=tmp_path / "other")):
            pass


def _status(status: int) -> Callable[[], web.Response]:
    return lambda: web.Response(status=status)


async def _reread(api: Api, provider: ServedProvider, clock: Clock) -> None:
    """Have the api read the keys, as anybody can."""
    clock.now += timedelta(seconds=UNKNOWN_EACH_S)
    before = len(provider.asked)
    assert await _unknown(api, provider, clock, "unknown") in ("TOKEN_INVALID", "PROVIDER_UNAVAILABLE")
    assert len(provider.asked) > before


async def _unknown(api: Api, provider: ServedProvider, clock: Clock, key_id: str) -> str:
    """What a token is answered that names a key the provider does not have."""
    unknown = provider.issuer.token({"kid": key_id}, exp=clock.now.timestamp() + 300)
    return await reason(api, [("authorization", f"Bearer {unknown}")])


async def _raise(error: grpc.aio.AioRpcError) -> None:
    raise error
