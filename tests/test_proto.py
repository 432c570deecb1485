"""Every element of the interfaces says what it is, and other languages find what they need to generate them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.rpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

ROOT = Path(__file__).parent.parent / "proto"
GOOGLE = Path(protoc.__file__).parent / "_proto"
PROTOS = sorted(ROOT.rglob("*.proto"))
VENDORED = sorted((ROOT.parent / "third_party/googleapis").rglob("*.proto"))

# Numbers of the fields of descriptor.proto, of which the paths to comments are made.
MESSAGES, ENUMS, SERVICES = 4, 5, 6
FIELDS, NESTED, NESTED_ENUMS, ONEOFS = 2, 3, 4, 8
VALUES = METHODS = 2

Named = Iterator[tuple[tuple[int, ...], str]]


def _message(message: Any, path: tuple[int, ...]) -> Named:
    if message.options.map_entry:
        return
    yield path, message.name
    yield from (((*path, FIELDS, i), f"{message.name}.{f.name}") for i, f in enumerate(message.field))
    oneofs = [(i, o) for i, o in enumerate(message.oneof_decl) if not o.name.startswith("_")]  # `optional` makes one
    yield from (((*path, ONEOFS, i), f"{message.name}.{o.name}") for i, o in oneofs)
    for i, nested in enumerate(message.nested_type):
        yield from _message(nested, (*path, NESTED, i))
    for i, nested in enumerate(message.enum_type):
        yield from _enum(nested, (*path, NESTED_ENUMS, i))


def _enum(enum: Any, path: tuple[int, ...]) -> Named:
    yield path, enum.name
    yield from (((*path, VALUES, i), f"{enum.name}.{v.name}") for i, v in enumerate(enum.value))


def _elements(file: Any) -> Named:
    for i, message in enumerate(file.message_type):
        yield from _message(message, (MESSAGES, i))
    for i, enum in enumerate(file.enum_type):
        yield from _enum(enum, (ENUMS, i))
    for i, service in enumerate(file.service):
        yield (SERVICES, i), service.name
        yield from (((SERVICES, i, METHODS, j), f"{service.name}.{m.name}") for j, m in enumerate(service.method))


def _compiled(proto: Path, tmp_path: Path) -> descriptor_pb2.FileDescriptorProto:
    out = tmp_path / "set.bin"
    made = ["--include_source_info", f"--descriptor_set_out={out}"]
    assert protoc.main(["protoc", f"-I{ROOT}", f"-I{GOOGLE}", *made, str(proto)]) == 0
    (file,) = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    return file


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.name)
def test_every_element_has_a_comment(proto: Path, tmp_path: Path) -> None:
    file = _compiled(proto, tmp_path)
    commented = {tuple(at.path) for at in file.source_code_info.location if at.leading_comments.strip()}
    elements = list(_elements(file))
    assert elements
    assert [name for path, name in elements if path not in commented] == []


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.name)
def test_every_file_has_a_place_in_go_java_and_c_sharp(proto: Path, tmp_path: Path) -> None:
    options = _compiled(proto, tmp_path).options
    assert all((options.go_package, options.java_package, options.java_multiple_files, options.csharp_namespace))


def test_the_messages_of_errors_are_those_that_the_services_use() -> None:
    (installed,) = (Path(path) for path in google.rpc.__path__)
    assert {proto.name for proto in VENDORED} == {"code.proto", "error_details.proto", "status.proto"}
    assert [proto.name for proto in VENDORED if proto.read_bytes() != (installed / proto.name).read_bytes()] == []
