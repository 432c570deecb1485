"""What a provider may answer, and what of it is believed; and what `exportd-api doctor` says of it."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from services.api.commands import doctor
from services.api.oidc.fetching import MAX_DOCUMENT_BYTES, Fetcher, FetchFailed, tls_context
from services.api.oidc.known_keys import READ_AGAIN_AFTER_S, UNKNOWN_EACH_S, ProviderKeys
from services.api.oidc.provider import Provider
from services.api.oidc.settings import OidcSettings
from services.contract.errors import ProviderUnavailable
from services.runtime.settings import SettingsError, SettingsReader
from tests.integration.api.conftest import CATALOG
from tests.servers.oidc_provider import DISCOVERY, KEYS, ServedProvider, provider_in


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedProvider]:
    async with provider_in(tmp_path) as running:
        yield running


def read(environ: dict[str, str]) -> OidcSettings | None:
    reader = SettingsReader(environ)
    settings = OidcSettings.read(reader)
    reader.finish()
    return settings


def provider(served: ServedProvider, timeout_s: float = 30.0, **more: str) -> Provider:
    settings = read({**served.environ, **more})
    assert settings is not None
    return Provider(settings, Fetcher(tls_context(settings.ca_file), timeout_s))


async def test_the_keys_are_where_the_discovery_document_says_or_the_settings(served: ServedProvider) -> None:
    assert len((await provider(served).keys()).keys) == 1
    assert served.asked == [DISCOVERY, KEYS]
    served.asked.clear()
    assert len((await provider(served, EXPORTD_OIDC_JWKS_URL=served.issuer.url + KEYS).keys()).keys) == 1
    assert served.asked == [KEYS]


def text(body: bytes, **more: object) -> Callable[[], web.Response]:
    return lambda: web.Response(body=body, **more)  # type: ignore[arg-type]


def said(**document: object) -> Callable[[], web.Response]:
    return lambda: web.json_response(document)


BAD: dict[str, tuple[str, Callable[[ServedProvider], Callable[[], web.Response]], str]] = {
    "discovery-away": (DISCOVERY, lambda _: text(b"", status=503), "status 503"),
    "discovery-no-json": (DISCOVERY, lambda _: text(b"<html>"), "Expecting value"),
    "discovery-a-list": (DISCOVERY, lambda _: text(b"[]"), "no object"),
    "discovery-twice": (DISCOVERY, lambda _: text(b'{"issuer": "a", "issuer": "b"}'), "twice"),
    "discovery-of-another": (DISCOVERY, lambda _: said(issuer="https://id.attacker.example"), "of the issuer"),
    "discovery-without-keys": (DISCOVERY, lambda at: said(issuer=at.issuer.url), "jwks_uri"),
    "discovery-to-http": (
        DISCOVERY,
        lambda at: said(issuer=at.issuer.url, jwks_uri=at.issuer.url.replace("https", "http") + KEYS),
        "no https URL",
    ),
    "discovery-to-a-file": (
        DISCOVERY,
        lambda at: said(issuer=at.issuer.url, jwks_uri="file:///etc/passwd"),
        "no https URL",
    ),
    "discovery-redirects": (
        DISCOVERY,
        lambda at: text(b"", status=302, headers={"location": at.issuer.url + KEYS}),
        "status 302",
    ),
    "keys-redirect": (KEYS, lambda at: text(b"", status=307, headers={"location": at.issuer.url}), "status 307"),
    "keys-huge": (KEYS, lambda _: text(b" " * (MAX_DOCUMENT_BYTES + 1)), "more than"),
    "keys-compressed": (
        KEYS,
        lambda at: text(at.issuer.document, headers={"content-encoding": "gzip"}),
        "compressed",
    ),
    "keys-empty": (KEYS, lambda _: said(keys=[]), "none of its 0 keys"),
    "keys-no-json": (KEYS, lambda _: text(b"\x00\xff"), "utf-8"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_document_that_cannot_be_believed_is_refused(served: ServedProvider, name: str) -> None:
    path, answer, why = BAD[name]
    served.answers = {path: answer(served)}
    with pytest.raises(FetchFailed, match=why) as failed:
        await provider(served).keys()
    assert str(failed.value).startswith(served.issuer.url + path)


async def test_a_provider_that_does_not_end_its_answer_is_left(served: ServedProvider) -> None:
    served.answers = {KEYS: asyncio.Event()}
    with pytest.raises(FetchFailed, match=r"no complete answer within 0\.5 s"):
        await provider(served, 0.5).keys()


async def test_a_provider_with_a_foreign_certificate_is_refused(served: ServedProvider) -> None:
    with pytest.raises(FetchFailed, match="TLS: "):
        await provider(served, EXPORTD_OIDC_CA_FILE="").keys()
    assert served.asked == []


async def test_a_failed_reading_keeps_the_keys_and_a_changed_set_has_another_edition(served: ServedProvider) -> None:
    now = [0.0]
    keys = ProviderKeys(provider(served), timedelta(seconds=100), lambda: now[0])
    served.answers = {KEYS: text(b"", status=500)}
    with pytest.raises(ProviderUnavailable):
        await keys.of("first", "RS256")
    served.answers = {}
    assert await keys.read()
    assert keys.edition == 1
    served.answers = {KEYS: said(keys=[])}
    assert not await keys.read()
    assert len(await keys.of("first", "RS256")) == keys.edition == 1
    served.answers = {}
    assert await keys.read()
    assert keys.edition == 1
    served.issuer.rotate("second")
    assert await keys.read()
    assert keys.edition == 2
    now[0] = 99.0
    assert await keys.of("second", "RS256")
    served.answers = {DISCOVERY: text(b"", status=500)}
    now[0] = 100.0
    with pytest.raises(ProviderUnavailable):
        await keys.of("second", "RS256")


def test_a_failed_reading_is_repeated_sooner_than_tokens_can_cause_one() -> None:
    assert READ_AGAIN_AFTER_S < UNKNOWN_EACH_S


GOOD = {"EXPORTD_OIDC_ISSUER": "https://id.example/realms/main", "EXPORTD_OIDC_AUDIENCE": "exportd"}
WRONG: list[tuple[dict[str, str], str]] = [
    ({"EXPORTD_OIDC_ISSUER": "http://id.example"}, "EXPORTD_OIDC_ISSUER"),
    ({"EXPORTD_OIDC_ISSUER": "https://user:secret@id.example"}, "EXPORTD_OIDC_ISSUER"),
    ({"EXPORTD_OIDC_ISSUER": "https://id.example?tenant=1"}, "EXPORTD_OIDC_ISSUER"),
    ({"EXPORTD_OIDC_ISSUER": "https://id.example#here"}, "EXPORTD_OIDC_ISSUER"),
    ({"EXPORTD_OIDC_ISSUER": "https://id.example:99999"}, "EXPORTD_OIDC_ISSUER"),
    ({"EXPORTD_OIDC_ISSUER": "id.example"}, "EXPORTD_OIDC_ISSUER"),
    ({"EXPORTD_OIDC_AUDIENCE": ""}, "EXPORTD_OIDC_AUDIENCE"),
    ({"EXPORTD_OIDC_AUDIENCE": ","}, "EXPORTD_OIDC_AUDIENCE"),
    ({"EXPORTD_OIDC_ISSUER": ""}, "EXPORTD_OIDC_ISSUER"),
    ({"EXPORTD_OIDC_JWKS_URL": "http://id.example/keys"}, "EXPORTD_OIDC_JWKS_URL"),
    ({"EXPORTD_OIDC_ALGORITHMS": "HS256"}, "EXPORTD_OIDC_ALGORITHMS"),
    ({"EXPORTD_OIDC_ALGORITHMS": "RS256,none"}, "EXPORTD_OIDC_ALGORITHMS"),
    ({"EXPORTD_OIDC_TENANT_CLAIM": "a claim"}, "EXPORTD_OIDC_TENANT_CLAIM"),
    ({"EXPORTD_OIDC_SCOPES": "read"}, "EXPORTD_OIDC_SCOPES"),
    ({"EXPORTD_OIDC_SCOPES": "a=write"}, "EXPORTD_OIDC_SCOPES"),
    ({"EXPORTD_OIDC_SCOPES": "=read"}, "EXPORTD_OIDC_SCOPES"),
    ({"EXPORTD_OIDC_SCOPES": "a=read=create"}, "EXPORTD_OIDC_SCOPES"),
    ({"EXPORTD_OIDC_CLOCK_SKEW_S": "301"}, "EXPORTD_OIDC_CLOCK_SKEW_S"),
]


@pytest.mark.parametrize("at", range(len(WRONG)))
def test_settings_that_would_admit_too_much_are_refused(at: int) -> None:
    assert read(GOOD) is not None
    change, name = WRONG[at]
    with pytest.raises(SettingsError, match=f"^{name} "):
        read({**GOOD, **change})


def test_without_an_issuer_there_is_no_provider() -> None:
    assert read({}) is None


async def test_doctor_says_whether_the_provider_can_be_reached(served: ServedProvider, tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    environ = {
        "EXPORTD_CATALOG": str(tmp_path / "catalog.toml"),
        "EXPORTD_DATA_DIR": str(tmp_path / "data"),
        **served.environ,
    }
    assert await _findings(environ) == (0, ["ok"])
    served.answers = {KEYS: text(b"", status=500)}
    assert await _findings(environ) == (1, ["fault"])
    assert await _findings({**environ, "EXPORTD_OIDC_CA_FILE": str(tmp_path / "none.pem")}) == (1, ["fault"])


async def _findings(environ: dict[str, str]) -> tuple[int, list[str]]:
    out = io.StringIO()
    code = await asyncio.to_thread(doctor.run, ["--output", "json"], environ, out)
    return code, [each["verdict"] for each in json.loads(out.getvalue()) if each["subject"] == "identity provider"]
