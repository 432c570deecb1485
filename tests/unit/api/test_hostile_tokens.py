"""Tokens that must prove nothing, each one change away from a good token; and what is told of each."""

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.api.domain.tokens import Token
from services.api.oidc.checked_tokens import CheckedTokens
from services.api.oidc.key_set import KeySet, read_keys
from services.api.oidc.known_keys import MAX_MISSED, UNKNOWN_EACH_S, ProviderKeys
from services.api.oidc.settings import OidcSettings
from services.api.oidc.signed import MAX_TOKEN_CHARACTERS
from services.contract.errors import ExportdError, ProviderUnavailable
from services.runtime.settings import SettingsReader
from tests.servers.oidc_provider import (
    AUDIENCE,
    Issuer,
    base64url,
    ec_key,
    ed_key,
    jwk,
    rsa_key,
    written,
)

ISSUER = Issuer()
ELLIPTIC = ec_key("elliptic")
SMALL = rsa_key("small", 1024)
SECRET = b"a secret of 32 bytes, or even more"
SHARED = {"kty": "oct", "kid": "shared", "k": base64url(SECRET)}
PUBLISHED = [
    *ISSUER.published,
    jwk(rsa_key("next"), "next"),
    jwk(ELLIPTIC, "elliptic"),
    jwk(SMALL, "small"),
    jwk(rsa_key("encrypts"), "encrypts", use="enc"),
    jwk(rsa_key("of PS256"), "of PS256", alg="PS256"),
    SHARED,
    jwk(ed_key("edwards"), "edwards"),
]
Made = Callable[[], str]


class Given:
    """A source of keys without a network."""

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        self.algorithms = algorithms
        self.read = 0
        self.withdrawn = ""

    async def keys(self) -> KeySet:
        self.read += 1
        keys = [key for key in PUBLISHED if not self.withdrawn or key.get("kid") != self.withdrawn]
        return read_keys(json.dumps({"keys": keys}).encode(), self.algorithms)


def settings(**more: str) -> OidcSettings:
    environ = {
        "EXPORTD_OIDC_ISSUER": ISSUER.url,
        "EXPORTD_OIDC_AUDIENCE": AUDIENCE,
        "EXPORTD_OIDC_ALGORITHMS": "RS256,PS256,ES256,EdDSA",
    }
    read = SettingsReader(environ | more)
    read_ = OidcSettings.read(read)
    read.finish()
    assert read_ is not None
    return read_


async def checked(text: str, of: OidcSettings | None = None) -> Token:
    of = of or settings()
    keys = ProviderKeys(Given(of.algorithms), timedelta(days=1), lambda: 0.0)
    return await CheckedTokens(of, keys, lambda: datetime.now(UTC)).check(text)


def by(key: Any, header: dict[str, Any] | None = None, **claims: Any) -> str:
    return written(ISSUER.header(**(header or {})), ISSUER.claims(**claims), key)


def hmac_with(secret: bytes) -> str:
    """The classic: the public key is taken for the secret of HS256."""
    parts = (ISSUER.header(alg="HS256"), ISSUER.claims())
    signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def public_pem() -> bytes:
    return rsa_key("first").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def raw_claims(change: Callable[[str], str]) -> str:
    return written(ISSUER.header(), change(json.dumps(ISSUER.claims())).encode(), ISSUER.key)


def raw_header(change: Callable[[str], str]) -> str:
    return written(change(json.dumps(ISSUER.header())).encode(), ISSUER.claims(), ISSUER.key)


def unsigned(algorithm: Any, tail: str = "") -> str:
    header = json.dumps({**ISSUER.header(), "alg": algorithm}).encode()
    return f"{base64url(header)}.{base64url(json.dumps(ISSUER.claims()).encode())}.{tail}"


def bent(at: int, change: Callable[[str], str]) -> str:
    parts = ISSUER.token().split(".")
    parts[at] = change(parts[at])
    return ".".join(parts)


def other_last_bits(part: str) -> str:
    """The same bytes in another text: the last character of an RSA signature has two bits that do not count."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + alphabet[alphabet.index(part[-1]) ^ 1]


def foreign_jwk(**more: Any) -> dict[str, Any]:
    return {"jwk": jwk(rsa_key("attacker"), "first"), **more}


INVALID, EXPIRED, EARLY = "TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_NOT_YET_VALID"
ISSUED, AUDIENCE_, CLAIM = "TOKEN_WRONG_ISSUER", "TOKEN_WRONG_AUDIENCE", "TOKEN_CLAIM_UNUSABLE"

HOSTILE: dict[str, tuple[Made, str]] = {
    # ---- the signature
    "alg-none": (lambda: unsigned("none"), INVALID),
    "alg-none-with-a-signature": (lambda: unsigned("none", "AAAA"), INVALID),
    "alg-None": (lambda: unsigned("None", "AAAA"), INVALID),
    "alg-empty": (lambda: unsigned("", "AAAA"), INVALID),
    "alg-a-list": (lambda: unsigned(["RS256"], "AAAA"), INVALID),
    "alg-null": (lambda: unsigned(None, "AAAA"), INVALID),
    "hs256-with-the-public-key-in-pem": (lambda: hmac_with(public_pem()), INVALID),
    "hs256-with-the-published-modulus": (lambda: hmac_with(jwk(rsa_key("first"))["n"].encode()), INVALID),
    "hs256-with-the-shared-key-of-the-set": (lambda: hmac_with(SECRET), INVALID),
    "rs512-which-is-not-pinned": (lambda: by(ISSUER.key, {"alg": "RS512"}), INVALID),
    "kid-unknown": (lambda: by(ISSUER.key, {"kid": "another"}), INVALID),
    "kid-a-path": (lambda: by(ISSUER.key, {"kid": "../../../dev/null"}), INVALID),
    "kid-sql": (lambda: by(ISSUER.key, {"kid": "' or '1'='1"}), INVALID),
    "kid-absent-among-several-keys": (lambda: by(ISSUER.key, {"kid": None}), INVALID),
    "kid-a-number": (lambda: by(ISSUER.key, {"kid": 1}), INVALID),
    "kid-too-long": (lambda: by(ISSUER.key, {"kid": "k" * 1000}), INVALID),
    "kid-of-another-key": (lambda: by(ISSUER.key, {"kid": "encrypts"}), INVALID),
    "signed-by-an-attacker": (lambda: by(rsa_key("attacker")), INVALID),
    "es256-as-rs256": (lambda: by(ELLIPTIC, {"kid": "elliptic", "alg": "RS256"}), INVALID),
    "rs256-as-es256": (lambda: by(ISSUER.key, {"alg": "ES256"}), INVALID),
    "rs256-with-a-key-for-ps256": (lambda: by(rsa_key("of PS256"), {"kid": "of PS256"}), INVALID),
    "ps256-as-rs256": (lambda: by(ISSUER.key, {"alg": "PS256"})[:-4] + "AAAA", INVALID),
    "ed25519-as-es256": (lambda: by(ed_key("edwards"), {"kid": "edwards", "alg": "ES256"}), INVALID),
    "es256-of-zeros": (lambda: by(ELLIPTIC, {"kid": "elliptic", "alg": "ES256"})[:-86] + "A" * 86, INVALID),
    "rsa-key-too-small": (lambda: by(SMALL, {"kid": "small"}), INVALID),
    "a-key-for-encryption": (lambda: by(rsa_key("encrypts"), {"kid": "encrypts"}), INVALID),
    "embedded-jwk": (lambda: by(rsa_key("attacker"), foreign_jwk()), INVALID),
    "embedded-jwk-and-no-kid": (lambda: by(rsa_key("attacker"), foreign_jwk(kid=None)), INVALID),
    "jku": (lambda: by(rsa_key("attacker"), {"jku": "https://attacker.example/keys"}), INVALID),
    "x5u": (lambda: by(rsa_key("attacker"), {"x5u": "https://attacker.example/chain"}), INVALID),
    "x5c": (lambda: by(rsa_key("attacker"), {"x5c": ["MIIB"]}), INVALID),
    "claims-changed-after-signing": (
        lambda: bent(1, lambda _: base64url(json.dumps(ISSUER.claims(tenant="other")).encode())),
        INVALID,
    ),
    "signature-cut": (lambda: bent(2, lambda part: part[:-8]), INVALID),
    "signature-with-more-behind-it": (lambda: bent(2, lambda part: part + "AAAA"), INVALID),
    "signature-in-another-text": (lambda: bent(2, other_last_bits), INVALID),
    "signature-of-another-token": (lambda: bent(2, lambda _: ISSUER.token(sub="bob").split(".")[2]), INVALID),
    # ---- the shape
    "crit": (lambda: by(ISSUER.key, {"crit": ["exp"]}), INVALID),
    "crit-empty": (lambda: by(ISSUER.key, {"crit": []}), INVALID),
    "b64": (lambda: by(ISSUER.key, {"b64": False}), INVALID),
    "typ-of-a-logout": (lambda: by(ISSUER.key, {"typ": "logout+jwt"}), INVALID),
    "typ-a-list": (lambda: by(ISSUER.key, {"typ": ["JWT"]}), INVALID),
    "five-parts": (lambda: "a.b.c.d.e", INVALID),
    "two-parts": (lambda: "a.b", INVALID),
    "only-dots": (lambda: "..", INVALID),
    "padded": (lambda: bent(1, lambda part: part + "="), INVALID),
    "standard-base64": (lambda: bent(1, lambda part: part + "+/"), INVALID),
    "a-line-break": (lambda: bent(1, lambda part: part + "\n"), INVALID),
    "huge": (lambda: by(ISSUER.key, filler="x" * MAX_TOKEN_CHARACTERS), INVALID),
    "header-of-a-list": (lambda: written(b'["RS256"]', ISSUER.claims(), ISSUER.key), INVALID),
    "header-no-json": (lambda: written(b"RS256", ISSUER.claims(), ISSUER.key), INVALID),
    "header-nested-deeply": (lambda: raw_header(lambda text: "[" * 1400 + text), INVALID),
    "claims-nested-deeply": (lambda: raw_claims(lambda text: text[:-1] + ', "x": ' + "[" * 4000), INVALID),
    "claims-a-text": (lambda: written(ISSUER.header(), b'"alice"', ISSUER.key), INVALID),
    "claims-not-utf-8": (lambda: written(ISSUER.header(), b'{"sub": "\xff"}', ISSUER.key), INVALID),
    "claims-twice": (lambda: raw_claims(lambda text: text[:-1] + ', "tenant": "other"}'), INVALID),
    "claims-twice-inside": (lambda: raw_claims(lambda text: text[:-1] + ', "x": {"a": 1, "a": 2}}'), INVALID),
    "header-twice": (lambda: raw_header(lambda text: text[:-1] + ', "alg": "none"}'), INVALID),
    "a-number-of-4000-digits": (lambda: raw_claims(lambda text: text[:-1] + f', "x": {"9" * 4000}}}'), INVALID),
    # ---- the times
    "expired": (lambda: ISSUER.token(exp=now() - 3600), EXPIRED),
    "expires-at-zero": (lambda: ISSUER.token(exp=0), EXPIRED),
    "exp-absent": (lambda: ISSUER.token(exp=None), INVALID),
    "exp-a-text": (lambda: ISSUER.token(exp=str(now() + 300)), INVALID),
    "exp-true": (lambda: ISSUER.token(exp=True), INVALID),
    "exp-a-list": (lambda: ISSUER.token(exp=[now() + 300]), INVALID),
    "exp-null": (lambda: raw_claims(lambda text: text.replace('"exp":', '"exp": null, "y":')), INVALID),
    "exp-NaN": (lambda: ISSUER.token(exp=float("nan")), INVALID),
    "exp-Infinity": (lambda: ISSUER.token(exp=float("inf")), INVALID),
    "exp-1e400": (lambda: raw_claims(lambda text: text.replace('"exp":', '"exp": 1e400, "y":')), INVALID),
    "exp-negative": (lambda: ISSUER.token(exp=-1), INVALID),
    "exp-far-away": (lambda: ISSUER.token(exp=10**15), INVALID),
    "exp-in-a-year": (lambda: ISSUER.token(exp=now() + 365 * 86400), INVALID),
    "nbf-in-an-hour": (lambda: ISSUER.token(nbf=now() + 3600), EARLY),
    "nbf-a-text": (lambda: ISSUER.token(nbf="now"), INVALID),
    "iat-in-an-hour": (lambda: ISSUER.token(iat=now() + 3600, exp=now() + 7200), EARLY),
    "iat-an-object": (lambda: ISSUER.token(iat={}), INVALID),
    # ---- from whom, for whom
    "iss-absent": (lambda: ISSUER.token(iss=None), ISSUED),
    "iss-another": (lambda: ISSUER.token(iss="https://attacker.example"), ISSUED),
    "iss-with-a-slash": (lambda: ISSUER.token(iss=ISSUER.url + "/"), ISSUED),
    "iss-a-list": (lambda: ISSUER.token(iss=[ISSUER.url]), ISSUED),
    "aud-absent": (lambda: ISSUER.token(aud=None), AUDIENCE_),
    "aud-another": (lambda: ISSUER.token(aud="another"), AUDIENCE_),
    "aud-a-part-of-it": (lambda: ISSUER.token(aud=AUDIENCE[:-1]), AUDIENCE_),
    "aud-empty": (lambda: ISSUER.token(aud=[]), AUDIENCE_),
    "aud-nested": (lambda: ISSUER.token(aud=[[AUDIENCE]]), AUDIENCE_),
    "aud-an-object": (lambda: ISSUER.token(aud={AUDIENCE: True}), AUDIENCE_),
    "aud-with-a-number": (lambda: ISSUER.token(aud=[AUDIENCE, 1]), AUDIENCE_),
    "aud-words-in-a-text": (lambda: ISSUER.token(aud=f"another {AUDIENCE}"), AUDIENCE_),
    # ---- what it may do
    "sub-absent": (lambda: ISSUER.token(sub=None), CLAIM),
    "sub-empty": (lambda: ISSUER.token(sub=""), CLAIM),
    "sub-a-number": (lambda: ISSUER.token(sub=7), CLAIM),
    "sub-with-a-line-break": (lambda: ISSUER.token(sub="alice\nprincipal=root"), CLAIM),
    "sub-too-long": (lambda: ISSUER.token(sub="a" * 256), CLAIM),
    "sub-half-a-character": (lambda: ISSUER.token(sub="\ud800"), CLAIM),
    "tenant-absent": (lambda: ISSUER.token(tenant=None), CLAIM),
    "tenant-empty": (lambda: ISSUER.token(tenant=""), CLAIM),
    "tenant-a-list": (lambda: ISSUER.token(tenant=["acme"]), CLAIM),
    "tenant-an-object": (lambda: ISSUER.token(tenant={"acme": {}}), CLAIM),
    "tenant-a-number": (lambda: ISSUER.token(tenant=7), CLAIM),
    "tenant-too-long": (lambda: ISSUER.token(tenant="a" * 65), CLAIM),
    "tenant-unicode": (lambda: ISSUER.token(tenant="аcme"), CLAIM),  # noqa: RUF001 - the first letter is Cyrillic
    "tenant-with-a-space": (lambda: ISSUER.token(tenant="acme "), CLAIM),
    "tenant-with-a-line-break": (lambda: ISSUER.token(tenant="acme\n"), CLAIM),
    "tenant-a-path": (lambda: ISSUER.token(tenant="../other"), CLAIM),
    "scope-a-number": (lambda: ISSUER.token(scope=1), CLAIM),
    "scope-an-object": (lambda: ISSUER.token(scope={"exportd:keys": True}), CLAIM),
    "scope-a-list-of-lists": (lambda: ISSUER.token(scope=[["exportd:keys"]]), CLAIM),
    "bound-to-a-key-of-its-holder": (lambda: ISSUER.token(cnf={"jkt": "x"}), INVALID),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_token_proves_nothing(name: str) -> None:
    make, reason = HOSTILE[name]
    with pytest.raises(ExportdError) as refused:
        await checked(make())
    assert refused.value.reason == reason
    assert len(str(refused.value)) < 200
    assert "attacker" not in str(refused.value)


GOOD: dict[str, Made] = {
    "plain": ISSUER.token,
    "of-a-list-of-audiences": lambda: ISSUER.token(aud=["account", AUDIENCE]),
    "for-access": lambda: ISSUER.token({"typ": "at+jwt"}),
    "without-a-type": lambda: ISSUER.token({"typ": None}),
    "with-fractions-of-seconds": lambda: ISSUER.token(exp=now() + 300.5),
    "that-names-keys-elsewhere": lambda: ISSUER.token({"jku": "https://attacker.example", "x5u": "https://a.example"}),
    "with-a-foreign-key-in-it": lambda: ISSUER.token(foreign_jwk()),
    "a-little-late": lambda: ISSUER.token(exp=now() - 1),
    "a-little-early": lambda: ISSUER.token(nbf=now() + 20, iat=now() + 20),
    "with-a-scope-of-a-list": lambda: ISSUER.token(scope=["exportd:create", "exportd:read", "exportd:cancel"]),
    "elliptic": lambda: by(ELLIPTIC, {"kid": "elliptic", "alg": "ES256"}),
    "edwards": lambda: by(ed_key("edwards"), {"kid": "edwards", "alg": "EdDSA"}),
    "pss": lambda: by(rsa_key("of PS256"), {"kid": "of PS256", "alg": "PS256"}),
}


@pytest.mark.parametrize("name", GOOD)
async def test_a_good_token_proves_its_tenant_and_its_scopes(name: str) -> None:
    token = await checked(GOOD[name]())
    assert (token.subject, token.rights.tenant) == ("alice", "acme")
    assert {scope.value for scope in token.rights.scopes} == {"create", "read", "cancel"}
    assert not token.rights.all_tenants
    assert not token.rights.collections


async def test_no_token_causes_the_keys_to_be_read_again_and_again() -> None:
    source = Given(settings().algorithms)
    clock = [0.0]
    tokens = CheckedTokens(
        settings(), ProviderKeys(source, timedelta(days=1), lambda: clock[0]), lambda: datetime.now(UTC)
    )
    for at in range(120):
        clock[0] = float(at)
        with pytest.raises(ExportdError):
            await tokens.check(by(ISSUER.key, {"kid": f"random {at}"}))
        with pytest.raises(ExportdError):
            await tokens.check(by(ISSUER.key, {"kid": f"of another {at}"}, iss="https://attacker.example"))
    assert source.read == 12  # at 0, 10, 20 s and so on


def test_hmac_and_none_cannot_be_pinned() -> None:
    for algorithm in ("none", "HS256", "RS256,HS512", "rs256", ",", "RSA-OAEP"):
        read = SettingsReader(
            {"EXPORTD_OIDC_ISSUER": ISSUER.url, "EXPORTD_OIDC_AUDIENCE": "a", "EXPORTD_OIDC_ALGORITHMS": algorithm}
        )
        OidcSettings.read(read)
        with pytest.raises(Exception, match="EXPORTD_OIDC_ALGORITHMS"):
            read.finish()


def test_a_token_without_a_kid_needs_a_set_of_one_key() -> None:
    one = read_keys(ISSUER.document, ("RS256",))
    assert one.of("", "RS256") == one.of("first", "RS256") == list(one.keys)
    two = replace(one, keys=(*one.keys, replace(one.keys[0], key_id="second")))
    assert two.of("", "RS256") == []


async def test_a_key_that_is_known_for_another_algorithm_is_refused_at_once() -> None:
    source, clock = Given(settings().algorithms), [0.0]
    keys = ProviderKeys(source, timedelta(days=1), lambda: clock[0])
    assert await keys.of("first", "RS256")
    clock[0] = 1000.0
    for key_id, algorithm in (("elliptic", "RS256"), ("of PS256", "RS256")):
        assert await keys.of(key_id, algorithm) == []
    assert source.read == 1


async def test_an_unknown_key_is_certain_to_be_unknown_once_the_keys_were_read_after_it_was_first_named() -> None:
    source, clock = Given(settings().algorithms), [0.0]
    keys = ProviderKeys(source, timedelta(days=1), lambda: clock[0])
    assert await keys.of("first", "RS256")
    clock[0] = 1.0
    for _ in range(2):
        with pytest.raises(ProviderUnavailable) as wait:
            await keys.of("old", "RS256")
        assert wait.value.wait_s == UNKNOWN_EACH_S - 1
    for _ in range(2):
        clock[0] += UNKNOWN_EACH_S
        assert await keys.of("old", "RS256") == []
        clock[0] += 1
        assert await keys.of("old", "RS256") == []
    for at in range(MAX_MISSED):
        with pytest.raises(ProviderUnavailable):
            await keys.of(f"random {at}", "RS256")
    with pytest.raises(ProviderUnavailable):
        await keys.of("old", "RS256")
    assert source.read == 3


async def test_a_withdrawn_key_is_unknown_for_certain_however_many_others_are_asked_for() -> None:
    source, clock = Given(settings().algorithms), [0.0]
    keys = ProviderKeys(source, timedelta(days=1), lambda: clock[0])
    assert await keys.of("elliptic", "ES256")
    clock[0] += 1000
    source.withdrawn = "elliptic"
    assert await keys.read()
    clock[0] += 1
    for at in range(MAX_MISSED + 1):
        with pytest.raises(ProviderUnavailable):
            await keys.of(f"random {at}", "RS256")
    assert await keys.of("elliptic", "ES256") == []
    source.withdrawn = ""
    clock[0] += UNKNOWN_EACH_S
    assert await keys.of("elliptic", "ES256")


KEY_SETS: dict[str, bytes] = {
    "no-json": b"keys",
    "a-list": b"[]",
    "without-keys": b"{}",
    "keys-an-object": b'{"keys": {}}',
    "empty": b'{"keys": []}',
    "twice": b'{"keys": [], "keys": []}',
    "only-shared-secrets": json.dumps({"keys": [SHARED]}).encode(),
    "only-small-keys": json.dumps({"keys": [jwk(SMALL, "small")]}).encode(),
    "only-texts": b'{"keys": ["a", 1, null]}',
    "a-modulus-of-a-number": json.dumps({"keys": [{"kty": "RSA", "n": 7, "e": "AQAB"}]}).encode(),
    "a-modulus-of-nothing": json.dumps({"keys": [{"kty": "RSA", "n": "", "e": "AQAB"}]}).encode(),
    "a-modulus-of-a-megabyte": json.dumps({"keys": [{"kty": "RSA", "n": "A" * 10**6, "e": "AQAB"}]}).encode(),
    "a-point-off-the-curve": json.dumps({"keys": [{**jwk(ELLIPTIC), "x": base64url(b"\x01" * 32)}]}).encode(),
    "more-keys-than-anybody-has": json.dumps({"keys": [jwk(ELLIPTIC, str(n)) for n in range(101)]}).encode(),
}


@pytest.mark.parametrize("name", KEY_SETS)
def test_a_set_without_a_usable_key_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_keys(KEY_SETS[name], ("RS256", "ES256"))


def test_a_key_is_used_for_what_it_says_only() -> None:
    keys = read_keys(json.dumps({"keys": PUBLISHED}).encode(), ("RS256", "PS256", "ES256", "ES384", "EdDSA"))
    assert {(key.key_id, key.algorithm) for key in keys.keys} == {
        ("first", "RS256"),
        ("first", "PS256"),
        ("next", "RS256"),
        ("next", "PS256"),
        ("of PS256", "PS256"),
        ("elliptic", "ES256"),
        ("edwards", "EdDSA"),
    }
    assert keys.ignored == 3


def test_a_private_key_that_a_provider_publishes_is_read_as_a_public_one() -> None:
    private = rsa_key("first").private_numbers()
    document = {**jwk(rsa_key("first"), "first"), "d": base64.urlsafe_b64encode(private.d.to_bytes(256)).decode()}
    (key,) = read_keys(json.dumps({"keys": [document]}).encode(), ("RS256",)).keys
    assert not hasattr(key.public.key, "private_numbers")
