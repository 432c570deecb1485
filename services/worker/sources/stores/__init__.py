"""Folders and buckets: where files of relations and attachments lie."""
