"""Messages as JSON: the JSON of protobuf (lowerCamelCase, int64 as strings), but enum values without their prefix."""

from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from exportd_client.enums import short_name

if TYPE_CHECKING:
    from google._upb._message import Descriptor as UpbDescriptor
    from google._upb._message import FieldDescriptor as UpbFieldDescriptor
    from google.protobuf.descriptor import Descriptor, FieldDescriptor


def plain(message: Message) -> dict[str, Any]:
    """Return `message` as JSON, including fields that have their default value."""
    return _plain(message.DESCRIPTOR, MessageToDict(message, always_print_fields_with_no_presence=True))


def _plain(descriptor: "Descriptor | UpbDescriptor", document: dict[str, Any]) -> dict[str, Any]:
    fields = {field.json_name: field for field in descriptor.fields}
    return {name: _value(fields[name], value) for name, value in document.items()}


def _value(field: "FieldDescriptor | UpbFieldDescriptor", value: Any) -> Any:
    if isinstance(value, list):
        return [_value(field, each) for each in value]
    if isinstance(value, str) and field.enum_type is not None:  # a value that only a newer service knows is a number
        return short_name(field.enum_type, value)
    message = field.message_type
    if isinstance(value, dict) and message is not None and not message.GetOptions().map_entry:
        return _plain(message, value)
    return value
