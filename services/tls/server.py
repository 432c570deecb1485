"""Certificates of servers, from files that may change while a process runs."""

from typing import TYPE_CHECKING, cast

import grpc

from services.runtime import logs
from services.runtime.startup import CannotStart
from services.tls.files import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Callable


class ServerCertificates:
    """The certificates of one port.

    Each handshake uses the present files. Files that cannot be used are logged once and ignored.
    """

    def __init__(self, files: TlsFiles, setting: str) -> None:
        """`setting` is the setting that the message of CannotStart names. Raises CannotStart."""
        self._files = files
        try:
            self._stamp = files.stamp()
            self._now = _configuration(files)
        except OSError as unusable:
            raise CannotStart(
                f"{setting}: {files.certificate} and {files.key} cannot be used: {unusable}"
            ) from unusable

    def credentials(self) -> grpc.ServerCredentials:
        """Return the credentials for a port. With an authority, clients must present a certificate."""
        changed = cast("Callable[[], grpc.ServerCertificateConfiguration]", self._changed)  # None: unchanged
        return grpc.dynamic_ssl_server_credentials(
            self._now, changed, require_client_authentication=self._files.authority is not None
        )

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the new certificates; None when nothing usable has changed. gRPC calls it at each handshake, in a
        thread of its own.
        """
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return None
            self._stamp = stamp
            configuration = _configuration(self._files)
        except OSError as unusable:
            logs.get().error("certificate_refused", file=str(self._files.certificate), said=str(unusable))
            return None
        logs.get().info("certificate_reloaded", file=str(self._files.certificate))
        return configuration


def _configuration(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    key, certificate, authority = files.read()
    return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)
