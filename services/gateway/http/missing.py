"""Errors about a thing that a path names, in dialects that know nothing but "there is none"."""

from collections.abc import Iterator
from contextlib import contextmanager

from exportd_client.errors import ExportdError, InvalidArgument, NotFound


@contextmanager
def by_its_id(*reasons: str) -> Iterator[None]:
    """Turn an id that cannot be one, and errors with these reasons, into NotFound."""
    try:
        yield
    except InvalidArgument as error:
        raise NotFound("there is nothing with this id", reason="EXPORT_NOT_FOUND") from error
    except ExportdError as error:
        if error.reason not in reasons:
            raise
        raise NotFound(error.message, reason=error.reason, metadata=error.metadata) from error
