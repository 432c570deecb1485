"""What can be exported under fire, and what is true of it: numbers whose text says what they are, and attachments."""

import random
from collections.abc import Iterator

PAPERS = "Papers"
DRAFTS = "Drafts"
ROWS = {"Few": 200, "Some": 20_000, "Many": 800_000, "Huge": 5_000_000, PAPERS: 150, DRAFTS: 40}
"""Collections and their rows: a moment, a tenth of a second, a second, and for measures some seconds; Papers has
attachments, and each export of Drafts has a batch of its own of so many rows.
"""

SCAN, NOTE = "paper.scan", "paper.note"
FILE_TYPES = (SCAN, NOTE)
"""The attachments of Papers: files below a folder, and a binary column."""

EXTENSIONS = {SCAN: "bin", NOTE: "txt"}
MAX_ATTACHMENT_BYTES = 20_000

PASSWORD = "correct horse"  # noqa: S105 - of files without a secret


def row(n: int) -> tuple[int, str]:
    """Row number `n` of any collection: the columns n and text."""
    return n, f"number {n}"


def rows(collection: str) -> Iterator[tuple[int, str]]:
    """All of them, in order."""
    return map(row, range(ROWS[collection]))


def attachment(file_type: str, n: int) -> bytes | None:
    """What is attached to row `n` of Papers, up to MAX_ATTACHMENT_BYTES, perhaps empty; None: it is missing."""
    missing = n % 10 == 7 if file_type == SCAN else n % 25 == 3  # noqa: PLR2004 - some of each
    if missing:
        return None
    draw = random.Random(f"{file_type}/{n}")
    return draw.randbytes(n * 397 % MAX_ATTACHMENT_BYTES)


def attachment_path(file_type: str, n: int) -> str:
    """As the catalog makes it of the row."""
    return f"{n}.{EXTENSIONS[file_type]}"
