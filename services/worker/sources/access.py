"""What can be had of the sources of one kind: for children and commands, which have its libraries.

The supervisor knows the kind alone, see kind.py, and imports none of this.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from services.contract.spec import JobSpec
from services.worker.concurrency.threads import THREADS
from services.worker.ports import AttachmentFiles, LinesReading, Source
from services.worker.sources.check.problems import Probe, Problem
from services.worker.sources.introspect.tables import LiveTable, TableNames

S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class RowOptions:
    """Big sorts go into `temp_dir`, None being the system's own, and leave it empty. `careful`: the same rows, in no
    way that could end the process. `threads` is for a reader that reads and sorts with several.
    """

    temp_dir: Path | None = None
    careful: bool = False
    threads: int = THREADS


@dataclass(frozen=True, slots=True, kw_only=True)
class Access(Generic[S_contra]):
    """Each is None where the kind has no such thing; what they do raises SourceFailed."""

    open_rows: Callable[[S_contra, RowOptions], Source] | None = None
    open_lines: Callable[[S_contra, JobSpec, RowOptions], AbstractContextManager[LinesReading | None]] | None = None
    """The lines of the file as the source itself writes them, where it can write the very same bytes."""
    open_attachments: Callable[[S_contra], AttachmentFiles] | None = None
    reach: Callable[[S_contra], None]
    """Connect to where the source is, and let go. Raises SourceFailed, OSError."""
    introspect: Callable[[S_contra, TableNames], list[LiveTable]] | None = None
    """The tables of these names, for the draft of a catalog."""
    check: Callable[[S_contra, Sequence[Probe]], list[Problem]]
    """What is wrong with the source, which is reached for it, and with collections of it; no row is read."""
