"""An artifact store in a bucket that the workers write to."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Self, cast

import obstore
from obstore.exceptions import AlreadyExistsError

from services.api.ports.artifacts import Content, StoredPrefix
from services.api.storage.artifacts.object_reader import ObjectReader
from services.contract.errors import StoreUnavailable
from services.contract.job import LeaseRef
from services.contract.store import MARKER, is_key, is_prefix, marker_of, store_id_in
from services.objects import uploads
from services.objects.client import ObjectStoreError, ObjectStoreSilent, can_sign, opened, understood
from services.objects.settings import BucketStore
from services.runtime import logs
from services.runtime.startup import CannotStart

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

    from services.objects.client import SigningStore


class ObjectArtifactStore:
    """An ArtifactStore in a bucket, or in a part of it.

    Its methods raise StoreUnavailable if the bucket does not answer.
    """

    def __init__(self, bucket: BucketStore, store_id: str, *, is_read: bool = True) -> None:
        """`is_read`: the marker was read and contains `store_id`. If not, it is read before anything else is done."""
        self.store_id = store_id
        self._is_read = is_read
        self._bucket = bucket
        self._store = opened(bucket)
        self._streams = opened(bucket, for_streams=True)

    @classmethod
    def in_bucket(cls, bucket: BucketStore, known: str = "") -> Self:
        """Open a bucket, and create its marker if it is missing.

        Several processes may do so at once. `known` is the id of the database's store; with it, a store that does not
        answer is no error, and its marker is read when it answers. Blocks. Raises CannotStart.
        """
        try:
            marker = _marker(opened(bucket))
        except OSError as unanswered:
            if known and isinstance(unanswered, ObjectStoreSilent):
                logs.get().error("store_unavailable", location=str(bucket), said=str(unanswered))
                return cls(bucket, known, is_read=False)
            raise CannotStart(f"EXPORTD_ARTIFACTS: {bucket} cannot be used: {unanswered}") from unanswered
        try:
            return cls(bucket, store_id_in(marker))
        except ValueError as error:
            raise CannotStart(
                f"{bucket}/{MARKER} does not hold the UUID of an artifact store: put the right bucket into "
                "EXPORTD_ARTIFACTS, or remove that object if the bucket is to become a new store"
            ) from error

    async def size(self, key: str) -> int | None:
        """Return the size of an object in bytes; None if there is no such object."""
        if not is_key(key):
            return None
        try:
            await self._recognized()
            with _answering():
                return (await obstore.head_async(self._store, key))["size"]
        except FileNotFoundError:
            return None

    async def content(self, key: str, *, gmac_will_do: bool = False) -> Content | None:  # noqa: ARG002 - neither
        """Return the size of an object; None if there is no such object. The bytes are hashed when they are sent."""
        size = await self.size(key)
        return None if size is None else Content(size, "")

    async def open(self, key: str, offset: int = 0) -> ObjectReader | None:
        """Open an object; return None if there is no such object."""
        if not is_key(key):
            return None
        try:
            await self._recognized()
            with _answering():
                return await ObjectReader.opened(self._streams, key, offset)
        except FileNotFoundError:
            return None

    async def signed_url(self, key: str, life: timedelta) -> str | None:
        """Return a signed URL; None if the store signs none, or if its requests need more than a URL."""
        if not (is_key(key) and can_sign(self._bucket)):
            return None
        await self._recognized()
        with _answering():
            return await obstore.sign_async(cast("SigningStore", self._store), "GET", key, life)

    async def prefixes(self) -> AsyncGenerator[StoredPrefix]:
        """Iterate over the prefixes of all leases that wrote or write something, including unfinished uploads."""
        await self._recognized()
        with _answering():
            async for listed in obstore.list(self._store, return_arrow=False):
                for prefix in _prefixes(listed):
                    yield prefix
            for upload in await asyncio.to_thread(lambda: [*uploads.open_uploads(self._bucket, "")]):
                if is_key(upload.key):
                    yield StoredPrefix(_lease(upload.key), upload.initiated)

    async def remove(self, prefix: str) -> None:
        """Remove everything below a prefix, including uploads. Idempotent. Raises ValueError if `prefix` is invalid."""
        if not is_prefix(prefix):
            raise ValueError(f"{prefix!r} is no prefix of artifacts")
        await self._recognized()
        with _answering():
            await asyncio.to_thread(self._abort, prefix)
            async for listed in obstore.list(self._store, prefix, return_arrow=False):
                await obstore.delete_async(self._store, [each["path"] for each in listed])

    async def _recognized(self) -> None:
        """Make sure that this is the right store. Raises StoreUnavailable, also for another store."""
        if not self._is_read:
            with _answering():
                await self._read_marker()

    async def _read_marker(self) -> None:
        try:
            answer = await obstore.get_async(self._store, MARKER)
            there = store_id_in(bytes(await answer.bytes_async()))
        except (FileNotFoundError, ValueError):
            there = ""
        if there != self.store_id:
            logs.get().error("store_mismatch", expected=self.store_id, found=there, location=str(self._bucket))
            raise ObjectStoreError(f"{self._bucket} is another artifact store")
        self._is_read = True
        logs.get().info("store_answers", location=str(self._bucket))

    def _abort(self, prefix: str) -> None:
        for upload in uploads.open_uploads(self._bucket, prefix):
            uploads.abort(self._bucket, upload)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        with understood():
            yield
    except ObjectStoreError as unanswered:
        raise StoreUnavailable from unanswered


def _marker(store: "ObjectStore") -> bytes:
    """Return the content of the marker, and create it if it is missing.

    It is always read back, because another process may have created it first.
    """
    with understood():
        with suppress(AlreadyExistsError):
            obstore.put(store, MARKER, marker_of(str(uuid.uuid4())), mode="create")
        return bytes(obstore.get(store, MARKER).bytes())


def _prefixes(listed: "Sequence[ObjectMeta]") -> Iterator[StoredPrefix]:
    """Yield the prefixes of a part of a listing. Other objects are ignored.

    Keys are listed in order, so that those of a lease follow each other.
    """
    artifacts = (each for each in listed if is_key(each["path"]))
    for lease, files in groupby(artifacts, lambda each: _lease(each["path"])):
        yield StoredPrefix(lease, max(file["last_modified"] for file in files))


def _lease(key: str) -> LeaseRef:
    export_id, lease_id, _ = key.split("/")
    return LeaseRef(export_id, lease_id)
