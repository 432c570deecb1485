"""The OpenAPI documents: valid, complete, the same as the routes and the interfaces, and shown as pages."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from openapi_spec_validator import OpenAPIV31SpecValidator

from exportd.v1 import error_reason_pb2
from services.gateway.app import open_doors
from services.gateway.descriptions.documents import DOORS, document
from services.gateway.descriptions.page import resolved
from services.gateway.http.server import HttpServer
from services.gateway.metrics import GatewayMetrics
from services.gateway.native.routes import ROUTES
from services.gateway.settings import from_env
from services.gateway.upstream.api import Api
from services.gateway.upstream.methods import METHODS
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.described import OPERATIONS, check_value

DOES_NOT_SHOW = {"LEASE_LOST", "JOB_CANCELLED", "ROWS_MISSING", "STORE_MISMATCH", "WORKER_FORBIDDEN"}
"""Reasons that only workers are told."""


@pytest.mark.parametrize("door", DOORS)
def test_a_document_is_valid(door: str) -> None:
    assert [each.message for each in OpenAPIV31SpecValidator(dict(document(door))).iter_errors()] == []


async def test_the_routes_and_the_documents_are_the_same() -> None:
    settings, metrics = from_env({}), GatewayMetrics()
    server = HttpServer(settings.limits, metrics)
    open_doors(settings, Api(settings.api, 1), server, metrics)
    found = server.application.router.routes()
    routes = {(route.method, route.resource.canonical) for route in found if route.resource}
    described = [(each.verb, each.path) for each in OPERATIONS]
    assert sorted(described) == sorted(routes)


def test_each_operation_has_an_id_of_its_own() -> None:
    for door in DOORS:
        ids = [each.description["operationId"] for each in OPERATIONS if each.door == door]
        assert len(ids) == len(set(ids))


def parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from parts(each)


@pytest.mark.parametrize("door", DOORS)
def test_every_part_is_referred_to(door: str) -> None:
    used = {each["$ref"] for each in parts(document(door)) if "$ref" in each}
    components = document(door)["components"]
    there = {f"#/components/{kind}/{name}" for kind, each in components.items() for name in each if kind[0] != "s"}
    there |= {f"#/components/schemas/{name}" for name in components["schemas"]}
    assert there - used == set()


@pytest.mark.parametrize("door", DOORS)
def test_examples_are_as_the_document_says(door: str) -> None:
    found = 0
    for each in parts(document(door)):
        values = [each["example"]] if "example" in each else []
        examples = each.get("examples", {})
        values += [one["value"] for one in examples.values()] if isinstance(examples, dict) else []
        for value in values:
            check_value(door, each["schema"], value)
            found += 1
    assert found > 3


def named(descriptor: Any) -> str:
    return str(descriptor.full_name).removeprefix("exportd.v1.").replace(".", "")


def messages() -> Iterator[tuple[Descriptor, frozenset[str]]]:
    """Every message of the interfaces that a body has, with the fields that are not in it."""
    for route in ROUTES:
        method = METHODS[route.method]
        in_path = frozenset(re.findall(r"{(\w+)}", route.path))
        if route.has_body:
            yield from below(method.request.DESCRIPTOR, in_path)
        if route.method != "DownloadFile":
            yield from below(method.answer.DESCRIPTOR, frozenset())


def below(message: Descriptor, left_out: frozenset[str]) -> Iterator[tuple[Descriptor, frozenset[str]]]:
    if message.file.package != "exportd.v1" or message.GetOptions().map_entry:
        return
    yield message, left_out
    for field in message.fields:
        if field.message_type is not None:
            yield from below(field.message_type, frozenset())


MESSAGES = {named(message): (message, left_out) for message, left_out in messages()}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_schema_has_the_fields_of_its_message(name: str) -> None:
    message, left_out = MESSAGES[name]
    schema = document("native")["components"]["schemas"][name]
    fields = {field.json_name: field for field in message.fields if field.name not in left_out}
    assert set(schema["properties"]) == set(fields)
    assert schema["additionalProperties"] is False
    for field_name, field in fields.items():
        assert kind_of(schema["properties"][field_name]) == expected(field), field_name


def kind_of(schema: Mapping[str, Any]) -> str:
    if "items" in schema:
        return f"array of {kind_of(schema['items'])}"
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return {"RequestedTime": "Time"}.get(name, name)
    return "string" if "const" in schema else str(schema["type"])


SCALARS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BOOL: "boolean",
    FieldDescriptor.TYPE_INT32: "integer",
    FieldDescriptor.TYPE_INT64: "Int64",
    FieldDescriptor.TYPE_DOUBLE: "number",
}
WELL_KNOWN = {"google.protobuf.Timestamp": "Time", "google.protobuf.Duration": "Duration"}


def expected(field: FieldDescriptor) -> str:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return "object"
    if field.message_type is not None:
        kind = WELL_KNOWN.get(field.message_type.full_name) or named(field.message_type)
    else:
        kind = named(field.enum_type) if field.enum_type is not None else SCALARS[field.type]
    return f"array of {kind}" if field.is_repeated else kind


def enums() -> dict[str, EnumDescriptor]:
    found = (field.enum_type for message, _ in MESSAGES.values() for field in message.fields)
    return {named(each): each for each in found if each is not None}


@pytest.mark.parametrize("name", sorted(enums()))
def test_a_schema_has_the_values_of_its_enum(name: str) -> None:
    schema = document("native")["components"]["schemas"][name]
    assert schema["enum"] == [value.name for value in enums()[name].values]


@pytest.mark.parametrize(
    "route", [each for each in ROUTES if each.has_query], ids=lambda each: f"{each.verb} {each.path}"
)
def test_an_operation_has_the_fields_of_its_query(route: Any) -> None:
    whole = document("native")
    operation = whole["paths"][route.path][route.verb.lower()]
    shown = {
        each["name"] for each in (resolved(whole, one) for one in operation["parameters"]) if each["in"] == "query"
    }
    in_path = re.findall(r"{(\w+)}", route.path)
    fields = METHODS[route.method].request.DESCRIPTOR.fields
    assert shown == {field.json_name for field in fields if field.name not in in_path}


def test_an_error_has_every_reason_that_callers_are_told() -> None:
    for door in DOORS:
        schemas = document(door)["components"]["schemas"]
        for each in ("Problem", "Error", "ConstraintViolation"):
            if each in schemas:
                shown = set(schemas[each]["properties"]["reason"]["enum"]) - {""}
                values = error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
                names = {name.removeprefix("ERROR_REASON_") for name in values}
                assert shown == names - {"UNSPECIFIED"} - DOES_NOT_SHOW


@pytest.mark.parametrize("path", ["/docs", *(f"/docs/{door}" for door in DOORS)])
async def test_a_page_needs_nothing_from_elsewhere_and_runs_no_script(gateway: Gateway, path: str) -> None:
    async with gateway.session.get(f"{gateway.url}{path}") as answer:
        page, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script|<link|<img|@import|url\(| on[a-z]+=| style=", page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r' id="([^"]+)"', page))
    assert all(link.startswith(("/docs/", "/openapi/", "#")) for link in re.findall(r'href="([^"]+)"', page))


@pytest.mark.parametrize("door", DOORS)
async def test_a_document_is_served_and_its_page_has_every_operation(gateway: Gateway, door: str) -> None:
    assert await gateway.json("GET", f"/openapi/{door}.json") == document(door)
    async with gateway.session.get(f"{gateway.url}/docs/{door}") as answer:
        page = await answer.text()
    for each in OPERATIONS:
        if each.door == door:
            assert f"<code>{each.verb} {each.path}</code>" in page


async def test_an_interface_that_there_is_not_is_404(gateway: Gateway) -> None:
    for path in ("/docs/none", "/openapi/none.json"):
        assert "native" in (await gateway.json("GET", path, 404))["detail"]
