"""The JSON document of an answer, within the bounds of its source: on the line, and in memory."""

from typing import Any

from urllib3 import BaseHTTPResponse

from services.worker.sources import errors
from services.worker.sources.http.client import whole
from services.worker.sources.http.items import MEMORY_FACTOR, decoded, memory_bytes
from services.worker.sources.http.settings import HttpSettings


def document_of(response: BaseHTTPResponse, settings: HttpSettings) -> Any:
    """Raises SourceFailed for one that is too large; ValueError, TooMuch as `decoded`."""
    body = whole(response, settings.max_page_bytes)
    if body is None:
        raise errors.page_too_large(settings.id, settings.max_page_bytes)
    most = settings.max_page_bytes * MEMORY_FACTOR
    if (memory := memory_bytes(body)) > most:
        raise errors.page_too_dense(settings.id, memory, most)
    return decoded(body)
