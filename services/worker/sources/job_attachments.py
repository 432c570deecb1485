"""The attachments of one job, which may come from several sources."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import BinaryIO

from services.contract.spec import AttachmentSpec, SourceRef
from services.worker.ports import AttachmentFiles, Row


class JobAttachments:
    """The AttachmentFiles of several sources. Each call goes to the source of its attachment."""

    def __init__(self, files: Mapping[SourceRef, AttachmentFiles]) -> None:
        self._files = files
        self.concurrency = max((each.concurrency for each in files.values()), default=1)

    def open(self, attachment: AttachmentSpec, path: str, row: Row) -> BinaryIO | None:
        """See ports.AttachmentFiles."""
        return self._files[attachment.source].open(attachment, path, row)

    def close(self) -> None:
        """See ports.AttachmentFiles. All sources are closed even if closing one of them raises."""
        with ExitStack() as stack:
            for each in self._files.values():
                stack.callback(each.close)
