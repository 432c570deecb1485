"""Artifact sinks of workers: one class for each kind of store."""

from services.worker.artifacts.folder import FolderSink
from services.worker.artifacts.objects import ObjectSink
from services.worker.artifacts.settings import ArtifactSettings, FolderStore
from services.worker.ports import ArtifactSink


def open_sink(settings: ArtifactSettings) -> ArtifactSink:
    """Open the sink of a store. The caller closes it."""
    return FolderSink(settings.root) if isinstance(settings, FolderStore) else ObjectSink(settings)
