"""The names of spans and attributes. docs/traces.md explains each.

Nothing else can be in a span: no query, no filter value, no name of a file, no address of a person, no secret.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum, auto

Value = str | int | float | bool


class SpanName(StrEnum):
    """The spans of an export besides calls, which are named by their method."""

    QUEUE = "queue"
    ATTEMPT = "attempt"
    READ = "read"
    WRITE = "write"
    PACKAGE = "package"
    UPLOAD = "upload"
    REPORT = "report"
    COMPLETE = "complete"
    LEASE_EXPIRED = "lease expired"
    NOTIFY = "notify"
    DOWNLOAD = "download"


class Attribute(StrEnum):
    """The attributes. Names without `exportd.` are those of OpenTelemetry's semantic conventions."""

    EXPORT_ID = "exportd.export.id"
    TENANT = "exportd.tenant"
    COLLECTION = "exportd.collection"
    FORMAT = "exportd.format"
    RUN = "exportd.run"
    ATTEMPT = "exportd.attempt"
    OUTCOME = "exportd.outcome"
    REASON = "exportd.reason"
    ROWS = "exportd.rows"
    BYTES = "exportd.bytes"
    WAIT_MS = "exportd.wait_ms"
    CHANNEL = "exportd.channel"
    FILE_ID = "exportd.file.id"
    ERROR_TYPE = "error.type"
    RPC_SYSTEM = "rpc.system.name"
    RPC_METHOD = "rpc.method"
    RPC_STATUS = "rpc.response.status_code"
    HTTP_METHOD = "http.request.method"
    HTTP_ROUTE = "http.route"
    HTTP_STATUS = "http.response.status_code"
    MESSAGING_SYSTEM = "messaging.system"
    MESSAGING_OPERATION = "messaging.operation.type"
    MESSAGING_DESTINATION = "messaging.destination.name"
    MESSAGING_MESSAGE_ID = "messaging.message.id"


Attributes = Mapping[Attribute, Value]


class Kind(Enum):
    """The kinds of spans, by the names of OpenTelemetry."""

    INTERNAL = auto()
    SERVER = auto()
    CLIENT = auto()
    CONSUMER = auto()
