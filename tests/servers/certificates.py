"""Certificates for servers on loopback, from an authority of a test's own."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certified:
    """A server's side of TLS, and the file with which a client believes it."""

    server: ssl.SSLContext
    ca_file: Path


def certified(directory: Path, host: str = "localhost") -> Certified:
    """A certificate of its own authority for one host, by name or by address; its files go to `directory`."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, host)
    return _certified(directory, host, key, certificate, certificate)


def certified_by_lax_authority(directory: Path, host: str = "localhost") -> Certified:
    """As `certified`, by an authority that does not mark its basicConstraints critical, as many a private one."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's lax authority")])
    authority = (
        _dated(name, name, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
        .add_extension(_signs(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, SHA256())
    )
    of_host = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"a test's {host}")])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _dated(of_host, name, key)
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, SHA256())
    )
    return _certified(directory, host, key, certificate, authority)


@cache
def usually_trusting() -> ssl.SSLContext:
    """A client's side of TLS with the authorities of the system, which take long to read."""
    return ssl.create_default_context()


def strictly_trusting(ca_file: Path) -> ssl.SSLContext:
    """A client's side of TLS with the strict checks that Python makes by itself from 3.13 on."""
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def _certified(
    directory: Path,
    host: str,
    key: ec.EllipticCurvePrivateKey,
    certificate: x509.Certificate,
    authority: x509.Certificate,
) -> Certified:
    chain, ca_file = directory / f"{host}.pem", directory / f"{host}.ca.pem"
    ca_file.write_bytes(authority.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return Certified(context, ca_file)


def _certificate(key: ec.EllipticCurvePrivateKey, host: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"a test's {host}")])
    return (
        _dated(name, name, key)
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )


def _dated(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


def _signs() -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, decipher_only=False, **dict.fromkeys(others, False)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
