"""Attachments at URLs of one host."""

from typing import BinaryIO

from services.contract.spec import AttachmentSpec
from services.worker.sources.attachments.files import Row
from services.worker.sources.http.client import HttpClient
from services.worker.sources.http.query import filled
from services.worker.sources.http.settings import HttpSettings

_ACCEPT = "*/*"
_CONNECTIONS = 16


class UrlFiles:
    """What is below the base URL of a source. `open` may be called by several threads."""

    def __init__(self, settings: HttpSettings) -> None:
        self._client = HttpClient(settings, _CONNECTIONS)

    def open(self, attachment: AttachmentSpec, _path: str, row: Row) -> BinaryIO | None:
        """See AttachmentFiles. The values of the row are percent-encoded: none can be more than a part of the URL."""
        path = filled(attachment.path, row)
        return None if path is None else self._client.opened(self._client.below(path), _ACCEPT)

    def close(self) -> None:
        """See AttachmentFiles."""
        self._client.close()
