"""The attachments of one job, which may be of several sources."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import BinaryIO

from services.contract.spec import AttachmentSpec, SourceRef
from services.worker.ports import AttachmentFiles, Row


class JobAttachments:
    """Attachments of several sources; see ports.AttachmentFiles."""

    def __init__(self, files: Mapping[SourceRef, AttachmentFiles]) -> None:
        self._files = files
        self.concurrency = max((each.concurrency for each in files.values()), default=1)

    def open(self, attachment: AttachmentSpec, path: str, row: Row) -> BinaryIO | None:
        """See ports.AttachmentFiles."""
        return self._files[attachment.source].open(attachment, path, row)

    def close(self) -> None:
        """See ports.AttachmentFiles. What one raises does not keep the others open."""
        with ExitStack() as stack:
            for each in self._files.values():
                stack.callback(each.close)
