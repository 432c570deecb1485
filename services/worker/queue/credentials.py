"""Credentials of a worker for the queue: a token, a certificate, or, on loopback, none."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from services.runtime.startup import CannotStart
from services.tls.files import TlsFiles

if TYPE_CHECKING:
    import grpc

SYSTEM = "system"
"""Value of `authority` that means the system's trusted certificates."""


@dataclass(frozen=True, slots=True)
class QueueCredentials:
    """How a worker connects to the queue and identifies itself.

    `authority` is the file with the certificate authority of the api's certificate, or SYSTEM; empty means a connection
    without TLS. `identity` is the worker's own certificate. `token` is the worker's token, or the file with
    it, which is read again for each call; empty means that there is none.
    """

    authority: str = ""
    identity: TlsFiles | None = None
    token: str | Path = field(default="", repr=False)

    def channel_credentials(self) -> "grpc.ChannelCredentials | None":
        """Return the TLS credentials of the channel; None for a connection without TLS.

        Raises CannotStart for files that cannot be used.
        """
        if not self.authority:
            return None
        import grpc  # noqa: PLC0415 - the settings are read before anything large is imported

        try:
            roots = None if self.authority == SYSTEM else Path(self.authority).read_bytes()
            key, certificate, _ = self.identity.read() if self.identity else (None, None, None)
        except OSError as unusable:
            raise CannotStart(f"EXPORTD_QUEUE_TLS_AUTHORITY, EXPORTD_QUEUE_TLS_CERTIFICATE: {unusable}") from unusable
        return grpc.ssl_channel_credentials(roots, key, certificate)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata of a call.

        It is empty while the token file cannot be read; the api then reports a missing token.
        """
        if not self.token:
            return ()
        try:
            text = self.token if isinstance(self.token, str) else self.token.read_text()
            return (("authorization", f"Bearer {text.strip()}"),)
        except (OSError, ValueError):
            return ()


IN_THE_CLEAR = QueueCredentials()
"""No credentials: for loopback, before there is a token."""
