"""What can be downloaded, and the result of a download."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from exportd.v1.export_pb2 import Export, File

# What to download: an export, its id, or a file.
Source: TypeAlias = str | Export | File
# Called with the number of bytes received and the size of the file in bytes. It must not block.
OnBytes: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Download:
    """A downloaded file: complete, verified and durable.

    resumed_at: how many bytes an earlier, interrupted download had left; 0 if this one started from the beginning.
    direct_bytes: how many bytes came from the object store itself.
    """

    file: File
    path: Path
    resumed_at: int
    direct_bytes: int = 0
