"""Conversion between messages of the queue and the contract's classes, in pairs. Anything unknown raises ValueError."""

from services.contract.codec.enums import enum_from_pb, enum_to_pb, name_to_pb
from services.contract.codec.jobs import (
    capabilities_from_pb,
    capabilities_to_pb,
    directive_from_pb,
    directive_to_pb,
    heartbeat_answer_from_pb,
    heartbeat_answer_to_pb,
    job_from_pb,
    job_to_pb,
    problem_from_pb,
    problem_to_pb,
    report_from_pb,
    report_to_pb,
)
from services.contract.codec.outcomes import (
    artifact_from_pb,
    artifact_to_pb,
    failure_from_pb,
    failure_to_pb,
    progress_from_pb,
    progress_to_pb,
    stats_from_pb,
    stats_to_pb,
    warnings_to_pb,
)
from services.contract.codec.previews import (
    preview_answer_from_pb,
    preview_answer_to_pb,
    preview_from_pb,
    preview_to_pb,
)
from services.contract.codec.scalars import duration_from_pb, duration_to_pb, timestamp_from_pb, timestamp_to_pb
from services.contract.codec.specs import spec_from_bytes, spec_from_pb, spec_to_bytes, spec_to_pb
from services.contract.codec.tables import csv_to_pb, format_from_pb, format_to_pb, xlsx_to_pb
from services.contract.codec.types import type_to_pb

__all__ = [
    "artifact_from_pb",
    "artifact_to_pb",
    "capabilities_from_pb",
    "capabilities_to_pb",
    "csv_to_pb",
    "directive_from_pb",
    "directive_to_pb",
    "duration_from_pb",
    "duration_to_pb",
    "enum_from_pb",
    "enum_to_pb",
    "failure_from_pb",
    "failure_to_pb",
    "format_from_pb",
    "format_to_pb",
    "heartbeat_answer_from_pb",
    "heartbeat_answer_to_pb",
    "job_from_pb",
    "job_to_pb",
    "name_to_pb",
    "preview_answer_from_pb",
    "preview_answer_to_pb",
    "preview_from_pb",
    "preview_to_pb",
    "problem_from_pb",
    "problem_to_pb",
    "progress_from_pb",
    "progress_to_pb",
    "report_from_pb",
    "report_to_pb",
    "spec_from_bytes",
    "spec_from_pb",
    "spec_to_bytes",
    "spec_to_pb",
    "stats_from_pb",
    "stats_to_pb",
    "timestamp_from_pb",
    "timestamp_to_pb",
    "type_to_pb",
    "warnings_to_pb",
    "xlsx_to_pb",
]
