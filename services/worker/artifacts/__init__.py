"""Where the worker puts what it built: one kind of store, one class."""

from services.worker.artifacts.folder import FolderSink
from services.worker.artifacts.objects import ObjectSink
from services.worker.artifacts.settings import ArtifactSettings, FolderStore
from services.worker.ports import ArtifactSink


def open_sink(settings: ArtifactSettings) -> ArtifactSink:
    """The sink of a store; whoever opens it closes it."""
    return FolderSink(settings.root) if isinstance(settings, FolderStore) else ObjectSink(settings)
