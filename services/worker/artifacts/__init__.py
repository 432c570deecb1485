"""Artifact sinks of workers: one class for each kind of store."""

from services.worker.artifacts.settings import ArtifactSettings, FolderStore
from services.worker.ports import ArtifactSink


def open_sink(settings: ArtifactSettings) -> ArtifactSink:
    """Open the sink of a store. The caller closes it. Only what its kind needs is imported."""
    if isinstance(settings, FolderStore):
        from services.worker.artifacts.folder import FolderSink  # noqa: PLC0415 - see above

        return FolderSink(settings.root)
    from services.worker.artifacts.objects import ObjectSink  # noqa: PLC0415 - see above

    return ObjectSink(settings)
