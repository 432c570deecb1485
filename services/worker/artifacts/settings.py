"""Which artifact store to use.

The supervisor sends these small records to its children, and each child opens its own sink.
"""

from dataclasses import dataclass
from pathlib import Path

from services.objects.settings import BucketStore


@dataclass(frozen=True, slots=True)
class FolderStore:
    """A folder that the api and the workers share. `root` is an absolute path."""

    root: Path


ArtifactSettings = FolderStore | BucketStore
