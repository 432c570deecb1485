"""Comments of the elements of a .proto file, by name: "Export.State.STATE_QUEUED"; empty where there is none."""

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

PROTO = Path(__file__).parents[2] / "proto"
GOOGLE = Path(protoc.__file__).parent / "_proto"

# Numbers of the fields of descriptor.proto, of which the paths to comments are made.
MESSAGES, ENUMS, SERVICES = 4, 5, 6
FIELDS, NESTED, NESTED_ENUMS, ONEOFS = 2, 3, 4, 8
VALUES = METHODS = 2

Named = Iterator[tuple[tuple[int, ...], str]]


@cache
def comments(proto: Path) -> dict[str, str]:
    """Of each element of a file, its comment in one line."""
    file = compiled(proto)
    commented = {tuple(at.path): " ".join(at.leading_comments.split()) for at in file.source_code_info.location}
    return {name: commented.get(path, "") for path, name in _elements(file)}


@cache
def compiled(proto: Path) -> descriptor_pb2.FileDescriptorProto:
    """A file as the compiler sees it, with its comments."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set.bin"
        made = ["--include_source_info", f"--descriptor_set_out={out}"]
        assert protoc.main(["protoc", f"-I{PROTO}", f"-I{GOOGLE}", *made, str(proto)]) == 0
        (file,) = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    return file


def values_of(file: str, enum: str) -> dict[str, str]:
    """Comments of an enum's values by name without prefix, but for the unspecified one.

    ("export.proto", "Export.State") has "QUEUED", say.
    """
    of_enum = {name.rpartition(".")[2]: text for name, text in _below(file, enum).items()}
    prefix = next(iter(of_enum)).removesuffix("UNSPECIFIED")
    return {name.removeprefix(prefix): text for name, text in list(of_enum.items())[1:]}


def _below(file: str, enum: str) -> dict[str, str]:
    found = comments(PROTO / "exportd" / "v1" / file)
    return {name: text for name, text in found.items() if name.startswith(f"{enum}.")}


def _message(message: Any, path: tuple[int, ...], outer: str = "") -> Named:
    if message.options.map_entry:
        return
    name = outer + message.name
    yield path, name
    yield from (((*path, FIELDS, i), f"{name}.{f.name}") for i, f in enumerate(message.field))
    oneofs = [(i, o) for i, o in enumerate(message.oneof_decl) if not o.name.startswith("_")]  # `optional` makes one
    yield from (((*path, ONEOFS, i), f"{name}.{o.name}") for i, o in oneofs)
    for i, nested in enumerate(message.nested_type):
        yield from _message(nested, (*path, NESTED, i), f"{name}.")
    for i, nested in enumerate(message.enum_type):
        yield from _enum(nested, (*path, NESTED_ENUMS, i), f"{name}.")


def _enum(enum: Any, path: tuple[int, ...], outer: str = "") -> Named:
    name = outer + enum.name
    yield path, name
    yield from (((*path, VALUES, i), f"{name}.{v.name}") for i, v in enumerate(enum.value))


def _elements(file: Any) -> Named:
    for i, message in enumerate(file.message_type):
        yield from _message(message, (MESSAGES, i))
    for i, enum in enumerate(file.enum_type):
        yield from _enum(enum, (ENUMS, i))
    for i, service in enumerate(file.service):
        yield (SERVICES, i), service.name
        yield from (((SERVICES, i, METHODS, j), f"{service.name}.{m.name}") for j, m in enumerate(service.method))
