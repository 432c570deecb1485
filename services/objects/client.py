"""Opens a bucket with obstore. Whatever the store answers with, its requests end within bounds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError, PreconditionError
from obstore.store import from_url

from services.objects.settings import BucketStore

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

    SigningStore = S3Store | GCSStore | AzureStore

MAX_RETRIES = 6
"""Of one request, after time-outs, broken connections, 429 and 5xx."""

_RETRY_FOR = timedelta(seconds=30)
_CONNECT_S = timedelta(seconds=5)
_REQUEST_S = timedelta(seconds=60)
"""For a whole answer, the bytes of a part of 8 MiB included."""

_STREAM_S = timedelta(hours=12)
"""For a whole object, as slowly as its reader takes it."""


class ObjectStoreError(OSError):
    """The store refused, or did not answer. The message is its own words."""


class ObjectReplaced(ObjectStoreError):
    """The object is not the version that was asked for."""


@cache
def opened(bucket: BucketStore, *, for_streams: bool = False) -> "ObjectStore":
    """The bucket, with keys from its prefix on; connections are shared by all of a process that open the same one.

    Raises ObjectStoreError for options that the store does not understand.
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


@contextmanager
def understood() -> Iterator[None]:
    """Whatever obstore raises is an ObjectStoreError; FileNotFoundError stays, for an object that is not there."""
    try:
        yield
    except PreconditionError as error:
        raise ObjectReplaced(_sentence(error)) from error
    except BaseError as error:
        raise ObjectStoreError(_sentence(error)) from error


def _sentence(error: BaseError) -> str:
    """Without the debug representation of what was behind it, which repeats it at length."""
    return str(error).partition("\n\nDebug source:")[0].strip()
