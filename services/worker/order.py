"""What a child is told to do, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.contract.job import Job
from services.contract.outcome import Built, Failure, Progress
from services.contract.preview import Previewed
from services.contract.spec import JobSpec
from services.worker.artifacts.settings import ArtifactSettings
from services.worker.concurrency.threads import THREADS
from services.worker.sources.sources import Sources

Outcome = Built | Failure
Shown = Previewed | Failure
"""What comes of a preview."""

Report = Callable[[Progress], None]
"""Tells the supervisor how far the job has come. Never blocks, never raises; a report may be lost."""


@dataclass(frozen=True, slots=True)
class Order:
    """A job and where to build it.

    `artifacts` says which store its files go to; `scratch` is a local folder of this job alone; `sources` are the
    worker's, with their credentials. `reference` names the attempt in the log and in messages to callers.
    """

    job: Job
    artifacts: ArtifactSettings
    scratch: Path
    reference: str
    sources: Sources = field(repr=False)
    report_interval_s: float = 0.1
    """Between two reports of the same phase, at least."""
    threads: int = THREADS
    """Of each stage."""


@dataclass(frozen=True, slots=True)
class PreviewOrder:
    """The first `rows` rows of a spec, to be shown; with `rows` 0, how many there are."""

    spec: JobSpec
    rows: int
    reference: str
    sources: Sources = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProbeOrder:
    """To try whether the source can be had; with an empty `source_id`, whether a job's usual memory can."""

    source_id: str
    reference: str
    sources: Sources = field(repr=False)


Work = Order | PreviewOrder | ProbeOrder


@dataclass(frozen=True, slots=True)
class Answer:
    """What a child answers: the outcome of the work, and how many lines of the log it could not write so far."""

    outcome: Outcome | Shown
    lost_lines: int


@dataclass(frozen=True, slots=True)
class NotWarm:
    """What a child answers that could not get ready, for whoever starts the worker."""

    why: str


Run = Callable[[Any, Report], Outcome | Shown]
"""Does a piece of work: an Outcome for an Order, Shown for a PreviewOrder and, without rows, for a ProbeOrder.

Must be importable by its name: it is sent to another process.
"""
