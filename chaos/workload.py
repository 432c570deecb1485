"""What can be exported during the test, and its expected content: numbers with a text, and attachments."""

import random
from collections.abc import Iterator

PAPERS = "Papers"
DRAFTS = "Drafts"
ROWS = {"Few": 200, "Some": 20_000, "Many": 800_000, "Huge": 5_000_000, PAPERS: 150, DRAFTS: 40}
"""The collections and their numbers of rows.

Building takes from a moment to a second; Huge, for measures, takes some seconds. Papers has attachments. Each export of
Drafts has a batch of its own with this number of rows.
"""

SCAN, NOTE = "paper.scan", "paper.note"
FILE_TYPES = (SCAN, NOTE)
"""The attachments of Papers: files in a folder, and a binary column."""

EXTENSIONS = {SCAN: "bin", NOTE: "txt"}
MAX_ATTACHMENT_BYTES = 20_000

PASSWORD = "correct horse"  # noqa: S105 - the files contain no secret


def row(n: int) -> tuple[int, str]:
    """Return row number `n` of any collection: the columns n and text."""
    return n, f"number {n}"


def rows(collection: str) -> Iterator[tuple[int, str]]:
    """Return all rows of a collection, in order."""
    return map(row, range(ROWS[collection]))


def attachment(file_type: str, n: int) -> bytes | None:
    """Return the attachment of row `n` of Papers, which may be empty; None if it is missing."""
    missing = n % 10 == 7 if file_type == SCAN else n % 25 == 3  # noqa: PLR2004 - some of each
    if missing:
        return None
    draw = random.Random(f"{file_type}/{n}")
    return draw.randbytes(n * 397 % MAX_ATTACHMENT_BYTES)


def attachment_path(file_type: str, n: int) -> str:
    """Return the path that the catalog derives from the row."""
    return f"{n}.{EXTENSIONS[file_type]}"
