"""The kinds folder and object: attachments that are files."""

from services.worker.sources.attachments.settings import BucketSettings, FolderSettings, read_bucket, read_folder
from services.worker.sources.kind import SourceKind

FOLDER = SourceKind(FolderSettings, read_folder, "services.worker.sources.attachments.folder", attachments=True)
BUCKET = SourceKind(BucketSettings, read_bucket, "services.worker.sources.attachments.bucket", attachments=True)
