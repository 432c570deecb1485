"""Several api processes on the same ports, and their parent."""
