"""Opens a bucket with obstore. All requests have time limits, whatever the store does."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError, GenericError, PreconditionError
from obstore.store import from_url

from services.objects.settings import BucketStore

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

    SigningStore = S3Store | GCSStore | AzureStore

MAX_RETRIES = 6
"""Retries of one request, after time-outs, broken connections, 429 and 5xx."""

_RETRY_FOR = timedelta(seconds=30)
_CONNECT_S = timedelta(seconds=5)
_REQUEST_S = timedelta(seconds=60)
"""Limit of a whole answer, including the bytes of a part of 8 MiB."""

_STREAM_S = timedelta(hours=12)
"""Limit of a whole object, at its reader's speed."""


_QUERY = re.compile(r"\?[^\s)]*")


class ObjectStoreError(OSError):
    """The store refused the request or did not answer. The message is the store's own."""


class ObjectStoreSilent(ObjectStoreError):
    """The store did not answer, or cannot at the moment. Unlike a refusal this may pass."""


class ObjectReplaced(ObjectStoreError):
    """The object is not the version that was requested."""


@cache
def opened(bucket: BucketStore, *, for_streams: bool = False) -> "ObjectStore":
    """Return the bucket, with keys relative to its prefix. All users of a bucket in a process share its connections.

    Raises ObjectStoreError for options that the store does not support.
    """
    options: Any = dict(bucket.options)
    with understood():
        return from_url(
            bucket.url,
            config=options,
            client_options={
                "allow_http": bucket.endpoint.startswith("http://"),
                "connect_timeout": _CONNECT_S,
                "timeout": _STREAM_S if for_streams else _REQUEST_S,
            },
            retry_config={"max_retries": MAX_RETRIES, "retry_timeout": _RETRY_FOR},
        )


def can_sign(bucket: BucketStore) -> bool:
    """Whether a URL is enough to read an object: not if the reader pays, nor with a token, which cannot sign."""
    return not (bucket.option("AWS_REQUEST_PAYER") or bucket.option("AZURE_STORAGE_SAS_TOKEN"))


@contextmanager
def understood() -> Iterator[None]:
    """Convert errors of obstore to ObjectStoreError. FileNotFoundError, for a missing object, stays as it is."""
    try:
        yield
    except PreconditionError as error:
        raise ObjectReplaced(_sentence(error)) from error
    except GenericError as error:
        raise ObjectStoreSilent(_sentence(error)) from error
    except BaseError as error:
        raise ObjectStoreError(_sentence(error)) from error


def _sentence(error: BaseError) -> str:
    """Return the message without the debug representation of its source and without queries of URLs.

    The former repeats it at length, the latter may contain a token.
    """
    return _QUERY.sub("", str(error).partition("\n\nDebug source:")[0]).strip()
