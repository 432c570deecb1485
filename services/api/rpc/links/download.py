"""The file of a download by link."""

from exportd.v1 import export_service_pb2
from services.api.domain.links import DownloadLink
from services.api.rpc import decode
from services.api.usecases.downloads import DownloadRequest
from services.contract.errors import LinkNotFound


def linked_request(message: export_service_pb2.DownloadFileRequest, link: DownloadLink) -> DownloadRequest:
    """Return the request for the file of the link. The message may name its file or its export, or neither.

    Raises InvalidRequest; LinkNotFound if the message names another file, or the export of another one.
    """
    own = export_service_pb2.DownloadFileRequest()
    own.CopyFrom(message)
    own.file_id = link.file_id
    named = message.WhichOneof("source")
    if named is not None and getattr(message, named).lower() != getattr(link, named):
        raise LinkNotFound
    return decode.download_request(own)
