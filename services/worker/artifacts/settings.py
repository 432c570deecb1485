"""Which artifact store it is: small records that the supervisor hands to its children, where each opens its sink."""

from dataclasses import dataclass
from pathlib import Path

from services.objects.settings import BucketStore


@dataclass(frozen=True, slots=True)
class FolderStore:
    """A folder that api and workers share, by its absolute path."""

    root: Path


ArtifactSettings = FolderStore | BucketStore
