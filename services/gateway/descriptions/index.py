"""The page that leads to the others."""

from html import escape

from services.gateway.descriptions.documents import DOORS, document
from services.gateway.descriptions.style import framed


def shown() -> bytes:
    """Return the page."""
    items = "\n".join(_item(door) for door in DOORS)
    return framed("exportd", f'<h1>exportd</h1>\n<ul class="plain">\n{items}\n</ul>')


def _item(door: str) -> str:
    info = document(door)["info"]
    links = f'<a href="/docs/{door}">{escape(info["title"])}</a> (<a href="/openapi/{door}.json">OpenAPI</a>)'
    return f"<li><p>{links}<br>{escape(info['description'])}</li>"
