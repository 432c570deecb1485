"""The artifact stores that the suite runs on."""

import os
from pathlib import Path
from typing import Protocol

import obstore

from services.api.ports.artifacts import ArtifactStore
from services.api.storage.artifacts.folder import FolderArtifactStore
from services.api.storage.artifacts.objects import ObjectArtifactStore
from services.contract.store import MARKER
from services.objects.client import opened
from services.objects.settings import BucketStore
from services.objects.uploads import open_uploads
from services.worker.artifacts.settings import ArtifactSettings, FolderStore


class Place(Protocol):
    """One store, which is there once the api has opened it."""

    settings: ArtifactSettings

    def opened_by_api(self) -> ArtifactStore: ...

    def names(self) -> list[str]:
        """All that is in it but its marker, finished or not."""
        ...


class FolderPlace:
    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path / "artifacts"
        self.settings = FolderStore(self.root)

    def opened_by_api(self) -> FolderArtifactStore:
        return FolderArtifactStore.in_folder(self.root)

    def names(self) -> list[str]:
        found = (Path(folder, name) for folder, _, names in os.walk(self.root) for name in names)
        return sorted(str(path.relative_to(self.root)) for path in found if path.name != MARKER)


class BucketPlace:
    def __init__(self, bucket: BucketStore) -> None:
        self.settings = bucket

    def opened_by_api(self) -> ObjectArtifactStore:
        return ObjectArtifactStore.in_bucket(self.settings)

    def names(self) -> list[str]:
        listed = [each["path"] for some in obstore.list(opened(self.settings)) for each in some]
        return sorted([name for name in listed if name != MARKER] + [u.key for u in open_uploads(self.settings, "")])
