"""Orders to child processes, and their answers."""

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
from services.worker.stages import Stage

Outcome = Built | Failure
Shown = Previewed | Failure
"""The result of a preview."""

Report = Callable[[Progress], None]
"""Reports the job's progress to the supervisor. It never blocks and never raises; a report may be lost."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order to build the files of a job.

    `artifacts` names the store for the files. `scratch` is a local folder that only this job uses. `sources` are the
    worker's sources with their credentials. `reference` identifies the attempt in the log and in messages to callers.
    """

    job: Job
    artifacts: ArtifactSettings
    scratch: Path
    reference: str
    sources: Sources = field(repr=False)
    report_interval_s: float = 0.1
    """Minimum time between two reports of the same phase, in seconds."""
    threads: int = THREADS
    """Number of threads of each stage."""


@dataclass(frozen=True, slots=True)
class PreviewOrder:
    """An order to read the first `rows` rows of a spec for a preview, or, if `rows` is 0, to count its rows."""

    spec: JobSpec
    rows: int
    reference: str
    sources: Sources = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProbeOrder:
    """An order to test the connection to a source.

    If `source_id` is empty, it tests whether the memory of a usual job is available.
    """

    source_id: str
    reference: str
    sources: Sources = field(repr=False)


Work = Order | PreviewOrder | ProbeOrder


@dataclass(frozen=True, slots=True)
class Answer:
    """A child's answer: the outcome of an order, and the number of log lines that the child could not write so far.

    `stages` are those of a job, in the order in which they ended.
    """

    outcome: Outcome | Shown
    lost_lines: int
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class NotWarm:
    """A child's answer when its warm-up failed. `why` is for the operator who starts the worker."""

    why: str


Run = Callable[[Any, Report], Outcome | Shown]
"""Carries out an order: returns an Outcome for an Order, and Shown for a PreviewOrder or a ProbeOrder.

A successful probe has no rows. The function must be importable by its name, because it is sent to another process.
"""
