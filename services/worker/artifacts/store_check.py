"""Checks whether the api and the worker use the same artifact store, and whether it accepts files."""

from services.contract.errors import StoreMismatch
from services.contract.job import Job, LeaseRef
from services.contract.store import artifact_prefix, is_prefix
from services.runtime import logs
from services.worker.ports import ArtifactSink, StoreUnavailable
from services.worker.world import World

_PROBE_BYTES = 1 << 20
_POLLED_LASTS_S = 1.0
"""How old the marker of a poll may be. Polls for small exports follow each other faster; each job is checked anew."""


class StoreCheck:
    """Compares the sink with the store that jobs name."""

    probe_bytes = bytes(_PROBE_BYTES)
    """Content of the file that is written to test whether there is room."""

    def __init__(self, sink: ArtifactSink, world: World) -> None:
        self._sink = sink
        self._world = world
        self._required = ""
        self._read: tuple[str, float] | None = None

    def store_id(self) -> str:
        """Return the id in the marker, empty if the marker is missing.

        It may have been read up to `marker_lasts_s` ago, but after the last failure. Raises StoreUnavailable.
        """
        now, read = self._world.monotonic(), self._read
        if read is not None and now - read[1] < self._sink.marker_lasts_s:
            return read[0]
        self._read = None
        own_id = self._sink.store_id()
        if own_id:  # one that is missing may come
            self._read = own_id, now
        return own_id

    def known_id(self) -> str:
        """Return the id that was read a moment ago, or nothing. Never blocks."""
        read = self._read
        lasts_s = max(_POLLED_LASTS_S, self._sink.marker_lasts_s)
        return read[0] if read and self._world.monotonic() - read[1] < lasts_s else ""

    def require(self, job: Job) -> None:
        """Check the store's marker against the job.

        Raises StoreMismatch, also when the job's prefix is not where this worker would write, and StoreUnavailable.
        """
        self._required = job.store_id
        own_id = self.store_id()
        if not job.store_id or own_id != job.store_id:
            raise StoreMismatch(f"the store {job.store_id or '(none)'}", f"the store {own_id or '(none)'}")
        prefix = artifact_prefix(job.lease)
        if job.artifact_prefix != prefix or not is_prefix(prefix):
            raise StoreMismatch(f"the prefix {job.artifact_prefix!r}", f"the prefix {prefix!r}")

    def tell(self, mismatch: StoreMismatch) -> None:
        """Log what differs and where. The marker is read again the next time."""
        self._read = None
        logs.get().error(
            "store_mismatch",
            expected=mismatch.expected,
            found=mismatch.found,
            location=self._sink.location,
            fix="give both services the same EXPORTD_ARTIFACTS, and versions that agree on its layout",
        )

    def tell_unavailable(self, unavailable: StoreUnavailable) -> None:
        """Log that the marker could not be read, and why."""
        said = str(unavailable.__cause__ or unavailable)
        logs.get().error("store_unavailable", location=self._sink.location, said=said)

    def takes_files(self) -> bool:
        """Whether the store can be reached, is the one that the last job named, and has room for a small file."""
        self._read = None
        try:
            own_id = self.store_id()
        except StoreUnavailable:
            return False
        return bool(own_id) and self._required in ("", own_id) and self._has_room()

    def _has_room(self) -> bool:
        lease = LeaseRef("probe", self._world.new_id())
        try:
            writer = self._sink.open(lease, "probe")
        except (StoreUnavailable, OSError):
            return False
        try:
            writer.write(self.probe_bytes)
            if not writer.seeks:  # a bucket is asked only when the file ends
                writer.close(lambda: None)
        except OSError:
            return False
        finally:
            writer.abort()
            self._sink.withdraw(lease)
        return True
