"""Tokens of an identity provider over HTTP: the gateway passes them on, and the api decides."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.api.oidc.settings import OidcSettings
from services.api.settings import ApiSettings
from services.runtime.settings import SettingsReader
from tests.integration.api.conftest import Api
from tests.integration.gateway.conftest import Gateway
from tests.servers.oidc_provider import ServedProvider, provider_in

LIST = "/v1/exports"


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[ServedProvider]:
    async with provider_in(tmp_path) as served:
        yield served


@pytest.fixture
def settings(settings: ApiSettings, provider: ServedProvider) -> ApiSettings:
    return replace(settings, oidc=OidcSettings.read(SettingsReader(provider.environ)))


def bearer(provider: ServedProvider, **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {provider.issuer.token(**claims)}"}


async def test_a_token_is_passed_on_and_its_tenant_counts(api: Api, gateway: Gateway, provider: ServedProvider) -> None:
    created = await gateway.json(
        "POST",
        LIST,
        json={"uri": "/shops/7/orders", "format": "FORMAT_CSV"},
        headers=bearer(provider) | {"X-Exportd-Tenant": "other"},
    )
    path = f"{LIST}/{created['id']}"
    assert (await gateway.json("GET", path, headers=bearer(provider)))["id"] == created["id"]
    other = bearer(provider, tenant="other") | {"X-Exportd-Tenant": "acme"}
    assert (await gateway.json("GET", path, 404, headers=other))["reason"] == "EXPORT_NOT_FOUND"


async def test_a_large_token_passes(gateway: Gateway, provider: ServedProvider) -> None:
    headers = bearer(provider, groups=["g" * 36] * 134)
    assert len(headers["Authorization"]) > 7500
    for _ in range(20):  # gRPC refuses some of the calls that are above its limit
        await gateway.json("GET", LIST, headers=headers)


async def test_why_a_token_is_refused_reaches_the_caller(gateway: Gateway, provider: ServedProvider) -> None:
    now = datetime.now(UTC).timestamp()
    refused = {
        "TOKEN_EXPIRED": bearer(provider, exp=now - 3600),
        "TOKEN_WRONG_AUDIENCE": bearer(provider, aud="another"),
        "TOKEN_INVALID": {"Authorization": "Bearer a.b.c"},
        "BAD_CREDENTIALS": bearer(provider) | {"X-Api-Key": "exd_key"},
    }
    for reason, headers in refused.items():
        async with gateway.session.get(f"{gateway.url}{LIST}", headers=headers) as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert (await answer.json(content_type=None))["reason"] == reason
    document = await gateway.json("GET", LIST, 403, headers=bearer(provider, tenant=None))
    assert (document["reason"], document["metadata"]["claim"]) == ("TOKEN_CLAIM_UNUSABLE", "tenant")
    assert (await gateway.json("GET", LIST, 401))["reason"] == "BAD_CREDENTIALS"
