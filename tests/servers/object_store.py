"""A real object store for tests: one for all of a process, in which each test has a bucket or a prefix of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from demo import seaweed
from services.objects.settings import BucketStore

BUCKET = "bucket-of-tests"


@contextmanager
def running() -> Iterator[seaweed.ObjectStore]:
    """Ends with the context."""
    with (
        tempfile.TemporaryDirectory(prefix="exportd-weed-") as directory,
        seaweed.object_store(Path(directory), BUCKET) as store,
    ):
        yield store


def settings_for(store: seaweed.ObjectStore) -> dict[str, str]:
    """What the environment of both services has, for a part of the bucket that nobody else uses."""
    return {"EXPORTD_ARTIFACTS": f"s3://{BUCKET}/{uuid4()}/artifacts", **store.settings}


def bucket_of(store: seaweed.ObjectStore) -> BucketStore:
    """The same as a record."""
    settings = settings_for(store)
    url = settings.pop("EXPORTD_ARTIFACTS")
    return BucketStore(url, tuple(settings.items()))
