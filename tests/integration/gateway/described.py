"""Holds answers of the gateway against its OpenAPI documents: what they do not describe is a failure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import aiohttp
import jsonschema_rs

from services.gateway.descriptions.documents import DOORS, document
from services.gateway.descriptions.page import resolved

_VARIABLE = re.compile(r"{\w+}")
_JSON = re.compile(r"application/([a-z]+\+)?json")


@dataclass(frozen=True)
class Operation:
    """An operation of one of the documents."""

    door: str
    path: str
    verb: str

    @property
    def description(self) -> Mapping[str, Any]:
        described: Mapping[str, Any] = document(self.door)["paths"][self.path][self.verb.lower()]
        return described

    def is_at(self, path: str) -> bool:
        pattern = "[^/:]+".join(map(re.escape, _VARIABLE.split(self.path)))
        return re.fullmatch(pattern, path) is not None

    def response(self, status: int) -> Mapping[str, Any]:
        responses = self.description["responses"]
        assert str(status) in responses, f"{self.verb} {self.path}: {status} is not described"
        return resolved(document(self.door), responses[str(status)])


def operations() -> Iterator[Operation]:
    """All operations; those whose paths have fewer variables come first, as in the router."""
    found = [
        Operation(door, path, verb.upper())
        for door in DOORS
        for path, item in document(door)["paths"].items()
        for verb in item
    ]
    yield from sorted(found, key=lambda each: each.path.count("{"))


OPERATIONS = tuple(operations())


async def checked(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """A middleware of a session: each answer is as the documents say."""
    response = await handler(request)
    here = [each for each in OPERATIONS if each.is_at(response.url.raw_path)]
    operation = next((each for each in here if each.verb == request.method), None)
    if operation is None:
        await _check_unknown(response, allowed={each.verb for each in here})
    else:
        await _check(response, operation)
    return response


async def _check_unknown(response: aiohttp.ClientResponse, allowed: set[str]) -> None:
    assert response.status == (405 if allowed else 404)
    assert set(filter(None, response.headers.get("Allow", "").split(","))) == allowed
    check_value("native", {"$ref": "#/components/schemas/Problem"}, await response.json(content_type=None))


async def _check(response: aiohttp.ClientResponse, operation: Operation) -> None:
    described = operation.response(response.status)
    where = f"{operation.verb} {operation.path} {response.status}"
    _check_headers(response.headers, operation.door, described, where)
    content = described.get("content", {})
    if operation.verb == "HEAD":
        return
    if not content:
        assert not await response.read(), where
        return
    assert response.content_type in content, f"{where}: {response.content_type}"
    schema = content[response.content_type].get("schema")
    if schema is not None and _JSON.fullmatch(response.content_type):
        check_value(operation.door, schema, await response.json(content_type=None))


def _check_headers(headers: Mapping[str, str], door: str, described: Mapping[str, Any], where: str) -> None:
    whole = document(door)
    every = whole["x-every-answer"]["headers"]
    own = {name: resolved(whole, each) for name, each in described.get("headers", {}).items()}
    known = {name.lower(): schema for name, schema in every.items()}
    known |= {name.lower(): each["schema"] for name, each in own.items()}
    for name, value in headers.items():
        assert name.lower() in known, f"{where}: the header {name} is not described"
        schema = known[name.lower()]
        check_value(door, schema, int(value) if schema.get("type") == "integer" else value)
    missing = [name for name, each in own.items() if each.get("required") and name not in headers]
    assert not missing, f"{where}: {missing}"


def check_value(door: str, schema: Mapping[str, Any], value: Any) -> None:
    """Fail unless a value is as a schema of this door says."""
    found = _validator(door, json.dumps(schema)).iter_errors(value)
    errors = [f"{'/'.join(map(str, each.instance_path))}: {each.message}" for each in found]
    assert not errors, errors


@cache
def _validator(door: str, schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = {"components": document(door)["components"], "allOf": [json.loads(schema)]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
