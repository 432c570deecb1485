"""The artifact store in a bucket, as workers write to it. Files are uploaded in parts while they are written."""

from contextlib import suppress
from typing import TYPE_CHECKING

from services.contract.job import LeaseRef
from services.contract.store import MARKER, artifact_key, artifact_prefix, is_prefix, store_id_in
from services.objects import uploads
from services.objects.settings import BucketStore
from services.worker.ports import StoreUnavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from services.worker.artifacts.object_writer import ObjectWriter


class ObjectSink:
    """The ArtifactSink of a bucket. It has no state, so any number of sinks in any processes may share the bucket."""

    marker_lasts_s = 60.0

    def __init__(self, bucket: BucketStore) -> None:
        self.location = str(bucket)
        self._bucket = bucket

    def store_id(self) -> str:
        """See ArtifactSink."""
        import obstore  # noqa: PLC0415 - 20 MB that a folder store does not need

        from services.objects.client import understood  # noqa: PLC0415 - as above

        try:
            with understood():
                return store_id_in(bytes(obstore.get(self._opened(), MARKER).bytes()))
        except (FileNotFoundError, ValueError):
            return ""
        except OSError as error:
            raise StoreUnavailable from error

    def open(self, lease: LeaseRef, name: str, media_type: str = "application/octet-stream") -> "ObjectWriter":
        """See ArtifactSink."""
        from services.worker.artifacts.object_writer import ObjectWriter  # noqa: PLC0415 - as above

        key = artifact_key(lease, name)
        try:
            return ObjectWriter(self._opened(), key, media_type, f"{lease.export_id}-{name}")
        except OSError as error:
            raise StoreUnavailable from error

    def withdraw(self, lease: LeaseRef) -> None:
        """See ArtifactSink."""
        prefix = artifact_prefix(lease)
        if not is_prefix(prefix):  # no attempt can have written there
            return
        with suppress(OSError):  # what cannot be removed now is left to the api's sweep
            for upload in uploads.open_uploads(self._bucket, prefix):
                uploads.abort(self._bucket, upload)
        with suppress(OSError):
            self._remove(prefix)

    def _remove(self, prefix: str) -> None:
        import obstore  # noqa: PLC0415 - as above

        from services.objects.client import understood  # noqa: PLC0415 - as above

        with understood():
            for listed in obstore.list(self._opened(), prefix):
                obstore.delete(self._opened(), [each["path"] for each in listed])

    def sweep(self) -> list[str]:
        """See ArtifactSink.

        A worker cannot tell whether a writer is alive. The api knows the leases and aborts the uploads.
        """
        return []

    def close(self) -> None:
        """See ArtifactSink: connections belong to the process."""

    def _opened(self) -> "ObjectStore":
        from services.objects.client import opened  # noqa: PLC0415 - as above

        return opened(self._bucket)
