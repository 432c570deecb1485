"""The methods of the public API, from the descriptors of its services."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from exportd.v1 import export_service_pb2, key_service_pb2, link_service_pb2, operator_service_pb2

_FILES: tuple[Any, ...] = (export_service_pb2, operator_service_pb2, key_service_pb2, link_service_pb2)


@dataclass(frozen=True, slots=True)
class Method:
    """A method: its name, its path in gRPC, the classes of its messages, and whether the answer is a stream."""

    name: str
    path: str
    request: type[Message]
    answer: type[Message]
    streams: bool


def _methods() -> Iterator[Method]:
    for service in (each for file in _FILES for each in file.DESCRIPTOR.services_by_name.values()):
        for method in service.methods:
            yield Method(
                name=method.name,
                path=f"/{service.full_name}/{method.name}",
                request=GetMessageClass(method.input_type),
                answer=GetMessageClass(method.output_type),
                streams=method.server_streaming,
            )


METHODS: Mapping[str, Method] = {method.name: method for method in _methods()}
"""Every method of the services for callers, by its name."""
