"""Previews: the first rows of a query, without an export. They are not stored."""

from dataclasses import dataclass

from services.contract.outcome import ExportWarning
from services.contract.spec import JobSpec

PREVIEW_S = 10.0
"""Time limit of a preview in seconds, from the caller's request to the answer."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A request for the first `rows` rows of `spec`. `id` identifies the request."""

    id: str
    spec: JobSpec
    rows: int


@dataclass(frozen=True, slots=True)
class Previewed:
    """The first rows, each as a JSON object of its fields. `rows_total` 0: the number of matching rows is not known."""

    rows: tuple[str, ...]
    rows_total: int = 0
    warnings: tuple[ExportWarning, ...] = ()
