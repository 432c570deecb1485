"""Every element of the interfaces says what it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

ROOT = Path(__file__).parent.parent / "proto"
GOOGLE = Path(protoc.__file__).parent / "_proto"
PROTOS = sorted(ROOT.rglob("*.proto"))

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


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.name)
def test_every_element_has_a_comment(proto: Path, tmp_path: Path) -> None:
    out = tmp_path / "set.bin"
    made = ["--include_source_info", f"--descriptor_set_out={out}"]
    assert protoc.main(["protoc", f"-I{ROOT}", f"-I{GOOGLE}", *made, str(proto)]) == 0
    (file,) = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    commented = {tuple(at.path) for at in file.source_code_info.location if at.leading_comments.strip()}
    elements = list(_elements(file))
    assert elements
    assert [name for path, name in elements if path not in commented] == []
