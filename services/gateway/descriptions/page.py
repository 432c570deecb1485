"""An OpenAPI document as a page."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from html import escape
from typing import Any

from services.gateway.descriptions.curl import line_of
from services.gateway.descriptions.documents import document
from services.gateway.descriptions.schemas import type_of
from services.gateway.descriptions.style import framed

_CODE = re.compile("`([^`]*)`")


@cache
def shown(door: str) -> bytes:
    """Return the page of a door."""
    whole = document(door)
    title = whole["info"]["title"]
    parts = [*_operations(whole), *_webhooks(whole), *_schemas(whole)]
    return framed(title, "\n".join([f"<h1>{escape(title)}</h1>", _text(whole["info"]["description"]), *parts]))


def resolved(whole: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a part of a document, or that to which it refers."""
    if "$ref" not in part:
        return part
    found: Any = whole
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return {**found, **{name: value for name, value in part.items() if name != "$ref"}}


def _text(text: str) -> str:
    return f"<p>{_inline(text)}</p>" if text else ""


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of cells, which are HTML; nothing if there are no rows."""
    lines = "\n".join("<tr>" + "".join(f"<td>{cell}" for cell in row) for row in rows)
    head = "".join(f'<th scope="col">{escape(each)}' for each in heads)
    return f'<div class="wide"><table>\n<tr>{head}\n{lines}\n</table></div>' if lines else ""


def _operations(whole: Mapping[str, Any]) -> Iterator[str]:
    for tag in whole["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2>\n{_text(tag['description'])}"
        for path, item in whole["paths"].items():
            for verb, operation in item.items():
                if tag["name"] in operation["tags"]:
                    yield from _operation(whole, verb, path, operation)


def _operation(whole: Mapping[str, Any], verb: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{escape(operation["operationId"])}"><code>{verb.upper()} {escape(path)}</code></h3>'
    yield from _request(whole, operation)
    parameters = [resolved(whole, each) for each in operation.get("parameters", ())]
    yield f"<pre>{escape(line_of(verb, path, parameters, operation.get('requestBody')))}</pre>"
    yield _responses(whole, operation)


def _webhooks(whole: Mapping[str, Any]) -> Iterator[str]:
    """Yield the requests that a receiver gets."""
    for name, item in whole.get("webhooks", {}).items():
        for verb, operation in item.items():
            yield f"<h2>Webhook: {escape(name)}</h2>"
            yield f'<h3 id="{escape(operation["operationId"])}"><code>{verb.upper()}</code> to the receiver</h3>'
            yield from _request(whole, operation)
            yield _responses(whole, operation)


def _request(whole: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[str]:
    yield _text(operation["summary"] + ".") + _text(operation.get("description", ""))
    parameters = [resolved(whole, each) for each in operation.get("parameters", ())]
    yield _table(("parameter", "in", "type", ""), (_parameter(each) for each in parameters))
    if body := operation.get("requestBody"):
        yield f"<p>Body: {_bodies(body['content'])}</p>"


def _responses(whole: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    return _table(
        ("status", "body", ""),
        (_response(status, resolved(whole, each)) for status, each in operation["responses"].items()),
    )


def _parameter(parameter: Mapping[str, Any]) -> tuple[str, ...]:
    name = f"<code>{escape(parameter['name'])}</code>" + (" (required)" if parameter.get("required") else "")
    return name, escape(parameter["in"]), type_of(parameter["schema"]), _inline(parameter["description"])


def _response(status: str, response: Mapping[str, Any]) -> tuple[str, ...]:
    return status, _bodies(response.get("content", {})), _inline(response["description"])


def _bodies(content: Mapping[str, Any]) -> str:
    return ", ".join(f"{escape(kind)} {type_of(each.get('schema', {}))}".strip() for kind, each in content.items())


def _schemas(whole: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>Documents</h2>"
    for name, schema in whole["components"]["schemas"].items():
        yield f'<h3 id="{escape(name)}"><code>{escape(name)}</code></h3>\n{_text(schema.get("description", ""))}'
        required = schema.get("required", ())
        yield _table(
            ("field", "type", ""),
            (_field(field, each, field in required) for field, each in schema.get("properties", {}).items()),
        )
        if "properties" not in schema:
            yield f"<pre>{escape(json.dumps({k: v for k, v in schema.items() if k != 'description'}, indent=1))}</pre>"


def _field(name: str, schema: Mapping[str, Any], required: bool) -> tuple[str, ...]:
    told = f"<code>{escape(name)}</code>" + (" (required)" if required else "")
    return told, type_of(schema), _inline(schema.get("description", ""))
