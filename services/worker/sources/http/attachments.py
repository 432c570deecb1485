"""Attachments at URLs of one host."""

from typing import BinaryIO

from services.contract.spec import AttachmentSpec
from services.worker.ports import Row
from services.worker.sources.http.client import HttpClient
from services.worker.sources.http.query import filled
from services.worker.sources.http.settings import HttpSettings

_ACCEPT = "*/*"
_CONCURRENCY = 16
"""Requests over HTTP take longer than opening a file and cost the server less, so more of them run at the same time."""


class UrlFiles:
    """The AttachmentFiles below the base URL of a source. `open` may be called by several threads."""

    concurrency = _CONCURRENCY

    def __init__(self, settings: HttpSettings) -> None:
        self._client = HttpClient(settings, _CONCURRENCY)

    def open(self, attachment: AttachmentSpec, _path: str, row: Row) -> BinaryIO | None:
        """See ports.AttachmentFiles.

        Values of the row are percent-encoded, so none can be more than one part of the URL.
        """
        path = filled(attachment.path, row)
        return None if path is None else self._client.opened(self._client.below(path), _ACCEPT)

    def close(self) -> None:
        """See ports.AttachmentFiles."""
        self._client.close()
