"""What a worker shows to the queue: a token, a certificate, or, on loopback, nothing."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from services.runtime.startup import CannotStart
from services.tls.files import TlsFiles

SYSTEM = "system"
"""In place of an authority's file: those that the system trusts."""


@dataclass(frozen=True, slots=True)
class QueueCredentials:
    """`authority` signs the api's certificate: a file, or SYSTEM; empty: the line is in the clear.

    `identity` is the worker's own certificate. `token` is a file with its token, which is read again with each call.
    """

    authority: str = ""
    identity: TlsFiles | None = None
    token: Path | None = None

    def channel_credentials(self) -> grpc.ChannelCredentials | None:
        """None for a line in the clear. Raises CannotStart for files that cannot be used."""
        if not self.authority:
            return None
        try:
            roots = None if self.authority == SYSTEM else Path(self.authority).read_bytes()
            key, certificate, _ = self.identity.read() if self.identity else (None, None, None)
        except OSError as unusable:
            raise CannotStart(f"EXPORTD_QUEUE_TLS_AUTHORITY, EXPORTD_QUEUE_TLS_CERTIFICATE: {unusable}") from unusable
        return grpc.ssl_channel_credentials(roots, key, certificate)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Of each call; nothing while the file cannot be read: the api says then that a token is missing."""
        if self.token is None:
            return ()
        try:
            return (("authorization", f"Bearer {self.token.read_text().strip()}"),)
        except (OSError, ValueError):
            return ()


IN_THE_CLEAR = QueueCredentials()
"""On loopback, before there is a token."""
