"""The contexts of JSON-LD, for callers who ask for it by its media type."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

JSON_LD = "application/ld+json"
HYDRA = "http://www.w3.org/ns/hydra/core#"
PATH = "/contexts/{name}"
NAMES = ("Export", "File")

_OF_TYPE: Mapping[str, str] = {"Export": "Export", "File": "File", "hydra:Collection": "Export"}


def with_context(request: web.Request, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document, with the path of its context if the request accepts JSON-LD by name."""
    if not any(JSON_LD in accepted.lower() for accepted in request.headers.getall("Accept", ())):
        return document
    return {"@context": PATH.format(name=_OF_TYPE[document["@type"]]), **document}


def context_document() -> dict[str, Any]:
    """Return a context: names without a prefix are those of the page of this interface."""
    return {"@context": {"@vocab": "/docs/syntage#", "hydra": HYDRA}}
