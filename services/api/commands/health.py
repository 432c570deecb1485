"""The command that asks a running api for its health: what containers and service managers call."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

import grpc
from cryptography import x509
from grpc_health.v1 import health_pb2

from services.api.settings import ApiSettings
from services.runtime.settings import reached
from services.runtime.startup import using
from services.tls.files import TlsFiles

SERVING, NOT_SERVING = 0, 1
DEFAULT_TIMEOUT_S = 5.0


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    """Call `grpc.health.v1.Health/Check` on EXPORTD_LISTEN and print the answer: 0 while it is SERVING, otherwise 1.

    The environment is that of the api. Raises CannotStart for settings and certificates that cannot be used.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if (given.certificate is None) != (given.key is None):
        parser.error("--certificate and --key belong together")
    settings = ApiSettings.from_env(environ)
    shown = TlsFiles(given.certificate, given.key) if given.certificate else None
    with _channel(reached(settings.listen), settings.tls, shown) as channel:
        answer = _answer(channel, given.timeout)
    out.write(f"{answer}\n")
    return SERVING if answer == "SERVING" else NOT_SERVING


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exportd-api health",
        description="Ask the api that has these settings whether it serves. Exit code 0: it serves; 1: it does not.",
    )
    parser.add_argument(
        "--timeout", type=float, default=DEFAULT_TIMEOUT_S, metavar="SECONDS", help=f"default: {DEFAULT_TIMEOUT_S:g}"
    )
    parser.add_argument("--certificate", type=Path, help="a certificate for an api that asks callers for one (PEM)")
    parser.add_argument("--key", type=Path, help="the private key of that certificate (PEM)")
    return parser


def _answer(channel: grpc.Channel, timeout_s: float) -> str:
    request = health_pb2.HealthCheckRequest()
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        found = check(request, timeout=timeout_s)
    except grpc.RpcError as refused:
        return str(refused.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(found.status))


def _channel(target: str, tls: TlsFiles | None, shown: TlsFiles | None) -> grpc.Channel:
    """Open a channel that trusts the api's own certificate, under the name that stands in it."""
    if tls is None:
        return grpc.insecure_channel(target)
    with using("EXPORTD_TLS_CERTIFICATE", tls.certificate):
        _, trusted, _ = tls.read()
        name = _name_in(trusted)
    key, certificate = (None, None) if shown is None else _read(shown)
    credentials = grpc.ssl_channel_credentials(trusted, key, certificate)
    named = [("grpc.ssl_target_name_override", name), ("grpc.default_authority", name)]
    return grpc.secure_channel(target, credentials, named)


def _read(shown: TlsFiles) -> tuple[bytes, bytes]:
    with using("--certificate", shown.certificate):
        key, certificate, _ = shown.read()
    return key, certificate


def _name_in(certificate: bytes) -> str:
    """Return the first DNS name or address that the certificate is for; "localhost" if it has none."""
    found = x509.load_pem_x509_certificate(certificate)
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "localhost"
    dns = names.get_values_for_type(x509.DNSName)
    return dns[0] if dns else str(next(iter(names.get_values_for_type(x509.IPAddress)), "localhost"))
