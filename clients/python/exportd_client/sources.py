"""What is downloaded, and its outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from exportd.v1.export_pb2 import Export, File

# What to download: the id of an export, an export, or a file.
Source: TypeAlias = str | Export | File
# Called with the bytes that are there and the bytes of the whole file; it must not block.
OnBytes: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Download:
    """A file that arrived: whole, verified and durable.

    resumed_at: bytes that an earlier, interrupted download had left; 0 when it began at the start.
    """

    file: File
    path: Path
    resumed_at: int
