"""What a worker can do with the sources of one kind.

Only children and commands import this, as it needs the libraries of the kind. The supervisor knows only the kind, see
kind.py.
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

S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class RowOptions:
    """Options for reading rows.

    Big sorts use `temp_dir` (None: the system's folder) and leave it empty. `careful` asks for the same rows without
    any method that could end the process. `threads` is the number of threads of a reader that reads and sorts in
    parallel.
    """

    temp_dir: Path | None = None
    careful: bool = False
    threads: int = THREADS


@dataclass(frozen=True, slots=True, kw_only=True)
class Access(Generic[S_contra]):
    """The functions of one kind of source.

    A function is None where the kind does not support it. All of them raise SourceFailed.
    """

    open_rows: Callable[[S_contra, RowOptions], Source] | None = None
    open_lines: Callable[[S_contra, JobSpec, RowOptions], AbstractContextManager[LinesReading | None]] | None = None
    """Opens a reading of encoded lines, if the source can encode exactly the bytes that the writer would write."""
    open_attachments: Callable[[S_contra], AttachmentFiles] | None = None
    reach: Callable[[S_contra], None]
    """Connects to the source and disconnects. Raises SourceFailed or OSError."""
    check: Callable[[S_contra, Sequence[Probe]], list[Problem]]
    """Connects to the source and returns the problems of the source and of these collections. No row is read."""
