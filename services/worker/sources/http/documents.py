"""The JSON document of an answer, within its source's limits on the transfer and on memory."""

from typing import Any

from urllib3 import BaseHTTPResponse

from services.worker.sources import errors
from services.worker.sources.http.client import whole
from services.worker.sources.http.items import MEMORY_FACTOR, decoded, memory_bytes
from services.worker.sources.http.settings import HttpSettings


def document_of(response: BaseHTTPResponse, settings: HttpSettings) -> Any:
    """Read and decode the document.

    Raises SourceFailed when it is too large, and ValueError or TooMuch as `decoded` does.
    """
    body = whole(response, settings.max_page_bytes)
    if body is None:
        raise errors.page_too_large(settings.id, settings.max_page_bytes)
    most = settings.max_page_bytes * MEMORY_FACTOR
    if (memory := memory_bytes(body)) > most:
        raise errors.page_too_dense(settings.id, memory, most)
    return decoded(body)
