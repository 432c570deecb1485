"""The attachments of one source, as those who bundle them see it."""

from collections.abc import Callable
from typing import BinaryIO, Protocol

from services.contract.spec import AttachmentSpec

Row = dict[str, str | None]
OpenAttachment = Callable[[AttachmentSpec, str, Row], BinaryIO | None]
"""See AttachmentFiles.open."""


class AttachmentFiles(Protocol):
    """The attachments of one source."""

    def open(self, attachment: AttachmentSpec, path: str, row: Row) -> BinaryIO | None:
        """The content of the attachment of `row`; the caller closes it. None when there is none.

        `path` is that of the attachment, with the row's values in its placeholders. Called by several threads. Raises
        SourceFailed, as may the stream.
        """
        ...

    def close(self) -> None:
        """Let go of connections; those in use end with their streams."""
        ...
