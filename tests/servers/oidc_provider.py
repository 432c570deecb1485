"""An OpenID Connect provider on loopback: its keys, its tokens, and a real https server with its two documents."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.servers.certificates import certified

AUDIENCE = "exportd"
SHUTDOWN_S = 0.1
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key for each name: they take long to make."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str, bits: int = 256) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key({256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}[bits]())


@cache
def ed_key(name: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8))


def jwk(key: Private, key_id: str = "", **more: Any) -> dict[str, Any]:
    """The public key as a provider publishes it."""
    named = {"kid": key_id} if key_id else {}
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key().public_numbers()
        return {"kty": "RSA", "n": number(public.n), "e": number(public.e), **named, **more}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
        curve = {256: "P-256", 384: "P-384", 521: "P-521"}[key.key_size]
        return {"kty": "EC", "crv": curve, "x": number(point.x, size), "y": number(point.y, size), **named, **more}
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().public_bytes_raw()), **named, **more}


def signature(key: Private, algorithm: str, signed: bytes) -> bytes:
    """Made by hand: what a library refuses to sign can be signed, too."""
    hash_ = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(algorithm[2:], hashes.SHA256())
    if isinstance(key, rsa.RSAPrivateKey):
        padded: Any = padding.PKCS1v15()
        if algorithm.startswith("PS"):
            padded = padding.PSS(padding.MGF1(hash_), hash_.digest_size)
        return key.sign(signed, padded, hash_)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hash_)))
        size = (key.key_size + 7) // 8
        return r.to_bytes(size) + s.to_bytes(size)
    return key.sign(signed)


def written(header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes, key: Private) -> str:
    """A token of this header and these claims, as objects or as their bytes, signed with the header's algorithm."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    algorithm = "RS256" if isinstance(header, bytes) else str(header.get("alg", "RS256"))
    signed = ".".join(map(base64url, parts)).encode()
    return f"{signed.decode()}.{base64url(signature(key, algorithm, signed))}"


@dataclass
class Issuer:
    """Whoever issues tokens. `published` are the keys of the document; `key` and `key_id` sign."""

    url: str = "https://id.example"
    key: Private = field(default_factory=lambda: rsa_key("first"))
    key_id: str = "first"
    algorithm: str = "RS256"
    published: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.published = self.published or [jwk(self.key, self.key_id, use="sig")]

    def rotate(self, name: str) -> None:
        """Sign with another key from now on, and publish it alone."""
        self.key, self.key_id = rsa_key(name), name
        self.published = [jwk(self.key, name, use="sig")]

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of a good token for five minutes. None takes a claim away."""
        now = int(datetime.now(UTC).timestamp())
        good = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "alice",
            "iat": now,
            "exp": now + 300,
            "tenant": "acme",
            "scope": "openid exportd:create exportd:read exportd:cancel",
        }
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def header(self, **changed: Any) -> dict[str, Any]:
        good = {"alg": self.algorithm, "typ": "JWT", "kid": self.key_id}
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def token(self, header: Mapping[str, Any] | None = None, **changed: Any) -> str:
        """A good token, with claims and parameters of the header changed."""
        return written(self.header(**(header or {})), self.claims(**changed), self.key)

    @property
    def document(self) -> bytes:
        return json.dumps({"keys": self.published}).encode()


@dataclass
class ServedProvider:
    """The server of an issuer. `asked` are the paths that were read.

    `answers` has other answers to some paths; an event holds the usual answer back.
    """

    issuer: Issuer
    ca_file: Path
    asked: list[str] = field(default_factory=list)
    answers: dict[str, Callable[[], web.StreamResponse] | asyncio.Event] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        other = self.answers.get(request.path)
        if isinstance(other, asyncio.Event):
            await other.wait()
        elif other is not None:
            return other()
        if request.path == KEYS:
            return web.Response(body=self.issuer.document, content_type="application/json")
        if request.path == DISCOVERY:
            return web.json_response({"issuer": self.issuer.url, "jwks_uri": self.issuer.url + KEYS})
        raise web.HTTPNotFound

    @property
    def environ(self) -> dict[str, str]:
        """The settings of an api that believes this provider."""
        return {
            "EXPORTD_OIDC_ISSUER": self.issuer.url,
            "EXPORTD_OIDC_AUDIENCE": AUDIENCE,
            "EXPORTD_OIDC_CA_FILE": str(self.ca_file),
        }


@asynccontextmanager
async def provider_in(folder: Path) -> AsyncIterator[ServedProvider]:
    """A provider for as long as the context lasts; its certificate goes to `folder`."""
    certificate = certified(folder)
    served = ServedProvider(Issuer(), certificate.ca_file)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(application, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate.server)
    await site.start()
    served.issuer.url = f"https://localhost:{runner.addresses[0][1]}"
    try:
        yield served
    finally:
        await runner.cleanup()
