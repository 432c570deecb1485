"""What a worker can do with sources of kind http: read rows page by page, and attachments at URLs."""

import socket
from urllib.parse import urlsplit

from services.runtime.addresses import resolved
from services.worker.ports import Source
from services.worker.sources.access import Access, RowOptions
from services.worker.sources.http.attachments import UrlFiles
from services.worker.sources.http.check import check
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.http.source import HttpSource

_PORTS = {"http": 80, "https": 443}


def _open_rows(settings: HttpSettings, _: RowOptions) -> Source:
    return HttpSource(settings)


def _reach(settings: HttpSettings) -> None:
    """Connect to one of the addresses that requests may go to. The server's answer does not matter here."""
    url, problem = urlsplit(settings.url), OSError("the host has no address")
    port = url.port or _PORTS[url.scheme]
    for address in resolved(url.hostname or "", port, allow_private=settings.allow_private):
        try:
            socket.create_connection((address, port), settings.connect_timeout_s).close()
        except OSError as refused:
            problem = refused
        else:
            return
    raise problem


ACCESS = Access(
    open_rows=_open_rows,
    open_attachments=UrlFiles,
    check=check,
    reach=_reach,
)
