"""How a service is reached: its addresses, the options of the channel, and the caller's credentials."""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import grpc

DEFAULT_PORT = 50051
_TENANT_KEY = "x-exportd-tenant"
_API_KEY = "authorization"
_REQUEST_ID_KEY = "x-request-id"
_CREDENTIAL = "an API key or a token"
_SERVER_NAME = "a server name (EXPORTD_TLS_SERVER_NAME, Tls.server_name)"
_LISTS = ("ipv4:", "ipv6:")
"""URI schemes of gRPC that take several addresses."""

_SERVICE_CONFIG = Path(__file__).with_name("service_config.json")
_OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A watch of a waiting export may have no data for hours, and must be kept alive all the same.
    ("grpc.http2.max_pings_without_data", 0),
    # The default of 120 s is longer than the client waits for an outage to end.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    # An http_proxy in the environment is meant for web pages; it would even redirect calls to 127.0.0.1.
    ("grpc.enable_http_proxy", 0),
)

# PEM data (bytes), or the path of a PEM file.
Pem: TypeAlias = bytes | str | PathLike[str]
# The key or token, or a function that returns the current one. The function is called before each call.
# For ExportClient it may be a coroutine function.
ApiKey: TypeAlias = str | Callable[[], str | Awaitable[str]]
# One address, or several among which the calls are distributed.
Target: TypeAlias = str | Sequence[str]


@dataclass(frozen=True)
class Tls:
    """How the connection is encrypted, and which certificates are trusted.

    ca: certificates of the authorities that may sign the service's certificate; None: those that come with gRPC.
    certificate, key: the client's own certificate and private key (mutual TLS); both or none.
    server_name: the name in the service's certificate, if it is not the host of the target. Several addresses need it.
    """

    ca: Pem | None = None
    certificate: Pem | None = None
    key: Pem | None = None
    server_name: str = ""

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files and return the credentials.

        Raises OSError if a file cannot be read, ValueError if a certificate is given without its key or a key without
        its certificate.
        """
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a client's certificate needs its key, and the key its certificate")
        return grpc.ssl_channel_credentials(_pem(self.ca), _pem(self.key), _pem(self.certificate))


@dataclass(frozen=True)
class Endpoint:
    """The address of a service, and the identity with which it is called."""

    target: str
    tls: Tls | None
    _tenant: str
    credential: ApiKey = field(repr=False)

    def options(self) -> Sequence[tuple[str, int | str]]:
        """Return the options of the channel."""
        config = ("grpc.service_config", _SERVICE_CONFIG.read_text(encoding="utf-8"))
        name = self.tls.server_name if self.tls else ""
        return (*_OPTIONS, config, *([("grpc.ssl_target_name_override", name)] if name else []))

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Return the credentials of the channel; None if it is not encrypted."""
        return self.tls.credentials() if self.tls else None

    @property
    def renews(self) -> bool:
        """Whether another call may have another key or token."""
        return callable(self.credential)

    def metadata(self, request_id: str, credential: str) -> tuple[tuple[str, str | bytes], ...]:
        """Return the metadata of a call with the current key or token, and the id that the service's log will have.

        Raises ValueError if the key or token cannot be sent in a header.
        """
        tenant = [(_TENANT_KEY, self._tenant)] if self._tenant else []
        proof = [(_API_KEY, f"Bearer {_header(_CREDENTIAL, credential)}")] if credential else []
        return (*tenant, *proof, (_REQUEST_ID_KEY, request_id))


def endpoint(
    target: Target, tenant: str | None, tls: "Tls | bool", api_key: ApiKey = "", token: ApiKey = ""
) -> Endpoint:
    """Return the endpoint for these arguments of a client.

    Raises ValueError if an address, the tenant, the key or the token is invalid, if there are both, if they would be
    sent without TLS to another machine, or if several addresses have no common name that TLS can verify.
    """
    where, encryption = address(target), (Tls() if tls is True else tls) or None
    if encryption and where.startswith(_LISTS) and not encryption.server_name:  # gRPC would take the list for the name
        raise ValueError(f"several addresses with TLS need {_SERVER_NAME}: a name that each of their certificates has")
    if api_key and token:
        raise ValueError("there are an API key and a token: give one of them")
    credential = api_key or token
    if credential and not tls and not is_local(where):
        raise ValueError(
            f"{_CREDENTIAL} is sent over TLS only: give tls=True (EXPORTD_TLS_AUTHORITY), or a target on this machine"
        )
    whose = _header("a tenant", tenant if tenant is not None else "" if credential else "default")
    checked = credential if callable(credential) else _header(_CREDENTIAL, credential)
    return Endpoint(where, encryption, whose, checked)


def address(target: Target) -> str:
    """Return `target` in the form that gRPC takes.

    Raises ValueError if several addresses are given that are not all IPv4 or all IPv6.
    """
    if isinstance(target, str) and target.startswith(_LISTS):
        return target
    several = target.split(",") if isinstance(target, str) else list(target)
    if len(several) == 1:
        return with_port(several[0])
    hosts = [with_port(each.strip()) for each in several]
    families = {_family(each) for each in hosts}
    if len(families) != 1 or None in families:
        raise ValueError("several targets must all be IPv4 or all IPv6; for a name of several hosts use dns:///name")
    return f"{families.pop()}:{','.join(hosts)}"


def with_port(target: str) -> str:
    """Return `target` with the default port of exportd if it has no port; gRPC would use that of https.

    Other schemes of gRPC, such as "unix:/run/exportd" or "xds:///exportd", are returned unchanged. "dns:///host" gets a
    port.
    """
    if target.startswith("dns:///"):
        return "dns:///" + with_port(target.removeprefix("dns:///"))
    if "/" in target or target.startswith(("unix:", *_LISTS)):
        return target
    host, port = target, ""
    if target.startswith("["):  # an IPv6 address, which itself contains colons
        host, _, port = target.partition("]")
        host, port = f"{host}]", port.removeprefix(":")
    elif target.count(":") == 1:
        host, _, port = target.partition(":")
    elif ":" in target:
        host = f"[{target}]"
    return f"{host}:{port or DEFAULT_PORT}"


def _family(host_and_port: str) -> str | None:
    host = host_and_port.rpartition(":")[0].strip("[]")
    try:
        return f"ipv{ipaddress.ip_address(host).version}"
    except ValueError:
        return None


def is_local(where: str) -> bool:
    """Whether an address, in the form that gRPC takes, is on this machine."""
    if where.startswith("unix:"):
        return True
    for scheme in ("dns:///", *_LISTS):
        where = where.removeprefix(scheme)
    return all(_is_loopback(each.rpartition(":")[0].strip("[]")) for each in where.split(","))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _header(what: str, text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"{what} is written in printable ASCII")
    return text


def _pem(source: Pem | None) -> bytes | None:
    return source if source is None or isinstance(source, bytes) else Path(source).read_bytes()
