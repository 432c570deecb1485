"""Files of certificates and keys, and the settings that name them."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from services.runtime.settings import SettingsReader


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files in PEM. `certificate` (with its intermediate certificates) and `key` belong together.

    `authority` signs the certificates that the other side must present; None: it need not present one.
    """

    certificate: Path
    key: Path
    authority: Path | None = None

    def read(self) -> tuple[bytes, bytes, bytes | None]:
        """Return the key, the certificate and the authority.

        Raises OSError, and ssl.SSLError (a subclass) for invalid files.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key, password="")
        if self.authority:
            context.load_verify_locations(self.authority)
        authority = self.authority.read_bytes() if self.authority else None
        return self.key.read_bytes(), self.certificate.read_bytes(), authority

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Return a value that changes when a file changes. Raises OSError."""
        files = (self.certificate, self.key, *((self.authority,) if self.authority else ()))
        stats = (file.stat() for file in files)
        return tuple((found.st_mtime_ns, found.st_ino, found.st_size) for found in stats)


def tls_files(read: SettingsReader, certificate_setting: str, key_setting: str, authority: str = "") -> TlsFiles | None:
    """Read the files of these two settings, which belong together, and of the authority's setting.

    None when they are not set.
    """
    certificate, key = read.optional_path(certificate_setting), read.optional_path(key_setting)
    signing = read.optional_path(authority) if authority else None
    if certificate and key:
        return TlsFiles(certificate, key, signing)
    if certificate or key:
        read.problem(f"{certificate_setting} and {key_setting} belong together: set both")
    elif signing:
        read.problem(f"{authority} is of use with {certificate_setting} and {key_setting} only")
    return None
