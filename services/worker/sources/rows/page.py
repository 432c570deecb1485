"""A page of the rows that match."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from services.contract.spec import Page


def rows_on(page: Page | None, count: int) -> int:
    """Return how many of `count` rows are on the page; all of them without a page."""
    return count if page is None else min(max(count - page.offset, 0), page.limit)


def sql_limit(page: Page | None) -> str:
    """Return the limit clause for the page; empty without a page."""
    return f" limit {page.limit} offset {page.offset}" if page else ""


def cut(batches: Iterable[pa.RecordBatch], page: Page | None) -> Iterator[pa.RecordBatch]:
    """Cut the page out of batches, for an engine that does not decide every row itself.

    Reading stops after the page.
    """
    if page is None:
        yield from batches
        return
    skip, left = page.offset, page.limit
    for batch in batches:
        part = batch.slice(min(skip, batch.num_rows), left)
        skip, left = max(skip - batch.num_rows, 0), left - part.num_rows
        if part.num_rows:
            yield part
        if not left:
            return
