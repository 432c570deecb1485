"""A table and its attachments in one ZIP."""
