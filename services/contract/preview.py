"""Previews: the first rows of a query, without an export. Nothing of them is stored."""

from dataclasses import dataclass

from services.contract.outcome import ExportWarning
from services.contract.spec import JobSpec

PREVIEW_S = 10.0
"""How long all of a preview may take, from the caller's question to its answer."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a worker is to show: the first `rows` rows of `spec`. `id` names the question."""

    id: str
    spec: JobSpec
    rows: int


@dataclass(frozen=True, slots=True)
class Previewed:
    """The first rows, each as a JSON object of its fields; `rows_total` 0: it is not known how many match."""

    rows: tuple[str, ...]
    rows_total: int = 0
    warnings: tuple[ExportWarning, ...] = ()
