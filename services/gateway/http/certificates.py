"""TLS of the HTTP port, from files that may change while the process runs."""

import ssl

from services.runtime import logs
from services.runtime.startup import CannotStart
from services.tls.files import TlsFiles


class HttpsCertificates:
    """The certificate of the port. Each handshake uses the present files.

    Files that cannot be used are logged once and ignored.
    """

    def __init__(self, files: TlsFiles, setting: str) -> None:
        """`setting` is the setting that the message of CannotStart names. Raises CannotStart."""
        self._files = files
        try:
            self._stamp = files.stamp()
            self._now = _context(files)
        except OSError as unusable:
            raise CannotStart(
                f"{setting}: {files.certificate} and {files.key} cannot be used: {unusable}"
            ) from unusable

    def context(self) -> ssl.SSLContext:
        """Return the context of the port. At each handshake it hands over to one with the present files."""
        context = _context(self._files)
        context.sni_callback = self._handshake
        return context

    def _handshake(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        self._refresh()
        connection.context = self._now

    def _refresh(self) -> None:
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._now = _context(self._files)
        except OSError as unusable:
            logs.get().error("certificate_refused", file=str(self._files.certificate), said=str(unusable))
            return
        logs.get().info("certificate_reloaded", file=str(self._files.certificate))


def _context(files: TlsFiles) -> ssl.SSLContext:
    """Raises OSError, and ssl.SSLError (a subclass) for invalid files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key, password="")
    context.set_alpn_protocols(["http/1.1"])
    if files.authority:
        context.load_verify_locations(files.authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
