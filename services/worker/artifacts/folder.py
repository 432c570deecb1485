"""The artifact store in a folder, as workers write to it."""

from contextlib import suppress
from pathlib import Path

from services.contract.job import LeaseRef
from services.contract.store import MARKER, SPOOL, artifact_key, artifact_prefix, folder_of, is_prefix, store_id_in
from services.runtime.removal import remove_inner
from services.worker.artifacts.folder_writer import FolderWriter
from services.worker.artifacts.spool import Spool
from services.worker.ports import StoreUnavailable


class FolderSink:
    """The ArtifactSink of the folder `root`.

    It keeps no file open, so any number of sinks in any processes may share the folder.
    """

    marker_lasts_s = 0.0

    def __init__(self, root: Path) -> None:
        self.location = str(root)
        self._root = root
        self._spool = Spool(root, SPOOL)

    def store_id(self) -> str:
        """See ArtifactSink."""
        try:
            return store_id_in((self._root / MARKER).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return ""
        except OSError as error:
            raise StoreUnavailable from error

    def open(self, lease: LeaseRef, name: str, media_type: str = "") -> FolderWriter:  # noqa: ARG002 - files have none
        """See ArtifactSink."""
        key, place = artifact_key(lease, name), self._spool.place(lease, name)
        try:
            return FolderWriter(self._spool.open(place), self._root, place, key)
        except OSError as error:
            raise StoreUnavailable from error

    def withdraw(self, lease: LeaseRef) -> None:
        """See ArtifactSink."""
        prefix = artifact_prefix(lease)
        if not is_prefix(prefix):  # no attempt can have written there
            return
        self._spool.remove(lease)
        folder = folder_of(self._root, prefix)
        with suppress(OSError):  # what cannot be removed now is left to the api's sweep
            remove_inner(self._root, folder.parent.name, folder.name)

    def sweep(self) -> list[str]:
        """See ArtifactSink."""
        return self._spool.sweep()

    def close(self) -> None:
        """See ArtifactSink: there is nothing to give back."""
