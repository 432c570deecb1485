"""The command that creates certificates for trying TLS."""

import argparse
import ipaddress
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.runtime.ownership import own_folder

LASTS = timedelta(days=30)
DEFAULT_NAMES = ("localhost", "127.0.0.1", "::1")
WORKER_NAME = "worker.exportd"


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:  # noqa: ARG001
    """Write an authority and certificates for api and worker into a folder; print the settings that use them."""
    parser = argparse.ArgumentParser(
        prog="exportd-api dev-certificates",
        description=f"Make an authority, a certificate of the api and one of a worker, for {LASTS.days} days, to try "
        "TLS out. For production take those of your own authority.",
    )
    parser.add_argument("folder", type=Path, help="folder of the files; it is created, and existing files are replaced")
    parser.add_argument("names", nargs="*", default=DEFAULT_NAMES, help="names of the api's host; default: localhost")
    given = parser.parse_args(arguments)
    folder = given.folder.absolute()
    own_folder(folder)
    authority = _Authority()
    authority.write(folder / "authority.pem")
    authority.issue(folder / "api", given.names, ExtendedKeyUsageOID.SERVER_AUTH)
    authority.issue(folder / "worker", [WORKER_NAME], ExtendedKeyUsageOID.CLIENT_AUTH)
    out.write(_SETTINGS.format(folder=folder, worker=WORKER_NAME))
    return 0


_SETTINGS = """\
# exportd-api
EXPORTD_TLS_CERTIFICATE={folder}/api.pem
EXPORTD_TLS_KEY={folder}/api.key
EXPORTD_QUEUE_TLS_CLIENT_AUTHORITY={folder}/authority.pem
EXPORTD_QUEUE_TLS_ALLOWED_NAMES={worker}
# exportd-worker
EXPORTD_QUEUE_TLS_AUTHORITY={folder}/authority.pem
EXPORTD_QUEUE_TLS_CERTIFICATE={folder}/worker.pem
EXPORTD_QUEUE_TLS_KEY={folder}/worker.key
# exportctl
EXPORTD_TLS_AUTHORITY={folder}/authority.pem
"""


class _Authority:
    """A certificate authority. Its private key is never written to disk."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "exportd, for trying out")])
        built = _builder(self._name, self._name, self._key)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._certificate = built.sign(self._key, hashes.SHA256())

    def write(self, file: Path) -> None:
        file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: Path, names: Sequence[str], usage: x509.ObjectIdentifier) -> None:
        """Write a new certificate and its key to `file`.pem and `file`.key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        built = _builder(subject, self._name, key)
        built = built.add_extension(x509.SubjectAlternativeName([_name_of(name) for name in names]), critical=False)
        built = built.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        certificate = built.sign(self._key, hashes.SHA256())
        file.with_name(f"{file.name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = file.with_name(f"{file.name}.key")
        private.touch(mode=0o600)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LASTS)
    )


def _name_of(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
