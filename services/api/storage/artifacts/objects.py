"""An artifact store in a bucket that the workers write to."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Self, cast

import obstore
from obstore.exceptions import AlreadyExistsError

from services.api.ports.artifacts import StoredPrefix
from services.api.storage.artifacts.object_reader import ObjectReader
from services.contract.errors import StoreUnavailable
from services.contract.job import LeaseRef
from services.contract.store import MARKER, is_key, is_prefix, marker_of, store_id_in
from services.objects import uploads
from services.objects.client import ObjectStoreError, can_sign, opened, understood
from services.objects.settings import BucketStore
from services.runtime.startup import CannotStart

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

    from services.objects.client import SigningStore


class ObjectArtifactStore:
    """An ArtifactStore in a bucket, or in a part of it.

    Its methods raise StoreUnavailable if the bucket does not answer.
    """

    def __init__(self, bucket: BucketStore, store_id: str) -> None:
        self.store_id = store_id
        self._bucket = bucket
        self._store = opened(bucket)
        self._streams = opened(bucket, for_streams=True)

    @classmethod
    def in_bucket(cls, bucket: BucketStore) -> Self:
        """Open a bucket, and create its marker if it is missing.

        Several processes may do so at once. Blocks. Raises CannotStart.
        """
        try:
            marker = _marker(opened(bucket))
        except OSError as unanswered:
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
            with _answering():
                return (await obstore.head_async(self._store, key))["size"]
        except FileNotFoundError:
            return None

    async def sha256(self, key: str) -> str:  # noqa: ARG002 - reading it would be slow
        """Return an empty string: the bytes are hashed when they are sent."""
        return ""

    async def open(self, key: str, offset: int = 0) -> ObjectReader | None:
        """Open an object; return None if there is no such object."""
        if not is_key(key):
            return None
        try:
            with _answering():
                return await ObjectReader.opened(self._streams, key, offset)
        except FileNotFoundError:
            return None

    async def signed_url(self, key: str, life: timedelta) -> str | None:
        """None where the store signs none, or its requests need more than a URL."""
        if not (is_key(key) and can_sign(self._bucket)):
            return None
        with _answering():
            return await obstore.sign_async(cast("SigningStore", self._store), "GET", key, life)

    async def prefixes(self) -> AsyncIterator[StoredPrefix]:
        """Iterate over the prefixes of all leases that wrote or write something, including unfinished uploads."""
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
        with _answering():
            await asyncio.to_thread(self._abort, prefix)
            async for listed in obstore.list(self._store, prefix, return_arrow=False):
                await obstore.delete_async(self._store, [each["path"] for each in listed])

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
