"""Walks over the pages of an API.

A walk either ends with the last page or fails; it is never cut short and never endless.
"""

from collections.abc import Iterator

from urllib3 import BaseHTTPResponse

from services.contract.spec import HttpPages, Paging
from services.worker.sources import errors
from services.worker.sources.http.answers import Answer, understood
from services.worker.sources.http.client import MISSING, HttpClient, TryAgain, drained
from services.worker.sources.http.documents import document_of
from services.worker.sources.http.items import Item, TooMuch
from services.worker.sources.http.query import with_parameters
from services.worker.sources.http.repeats import Repeats

_ACCEPT = "application/ld+json, application/json;q=0.9"
_MAX_PAGES_WITHOUT_ROWS = 3


class Walk:
    """The pages from `url` on.

    Call `begin` first, then `pages` once. The other attributes are final after the last page.
    """

    def __init__(self, client: HttpClient, pages: HttpPages, url: str, repeats: Repeats) -> None:
        self._client = client
        self._pages = pages
        self._url = url
        self._repeats = repeats
        self._seen = {hash(url)}
        self._totals: list[int] = []
        self._first: Answer | None = None
        self.received = 0
        """Number of distinct rows so far."""
        self.ended = False
        """Whether the last page was read."""

    def begin(self) -> bool:
        """Request the first page. False when the collection does not exist."""
        self._first = self._answer(self._url)
        if self._first:
            self._note(self._first)
        return self._first is not None

    @property
    def stated(self) -> int | None:
        """Number of rows that the last statement of the server named; None when it named none."""
        return self._totals[-1] if self._totals else None

    @property
    def repeated(self) -> int:
        """Number of repeated rows that were removed."""
        return self._repeats.count

    def pages(self) -> Iterator[list[Item]]:
        """Yield the items of each page, without rows that came before. Raises SourceFailed."""
        answer, url, standing = self._first, self._url, 0
        number, length = 1, len(answer.items) if answer else 0
        while answer is not None:
            self._note(answer)
            fresh = self._repeats.left_out(answer.items)
            standing = standing + 1 if answer.items and not fresh else 0
            self.received += len(fresh)
            yield fresh
            next_url = self._next(url, answer, number)
            if next_url is None:
                break
            if (
                standing >= _MAX_PAGES_WITHOUT_ROWS
                or number >= self._client.settings.max_pages
                or hash(next_url) in self._seen
            ):
                raise errors.pages_endless(self._client.source_id, number)
            self._seen.add(hash(next_url))
            short = len(answer.items) < length
            url, number, answer = next_url, number + 1, self._answer(next_url)
            self._check(short=short, answer=answer)
        self._check_whole()
        self.ended = True

    def _next(self, url: str, answer: Answer, number: int) -> str | None:
        pages = self._pages
        if pages.paging is Paging.PAGE and answer.items:
            return with_parameters(url, [(pages.parameter, str(pages.first_page + number))])
        if pages.paging is Paging.CURSOR and answer.next is not None:
            return with_parameters(url, [(pages.parameter, answer.next)])
        return None if answer.next is None else self._client.linked(url, answer.next)

    def _check(self, *, short: bool, answer: Answer | None) -> None:
        """Check the next answer.

        Of numbered pages only the last may be short. A missing page is the end only if all rows came.
        """
        numbered = self._pages.paging is Paging.PAGE
        if answer is None and not (numbered and self.stated is not None and self.received >= self.stated):
            raise errors.unavailable(self._client.source_id)
        if answer is not None and answer.items and numbered and short:
            raise errors.changed(self._client.source_id)

    def _check_whole(self) -> None:
        if not self._totals:
            return
        if self.received < min(self._totals):
            raise errors.rows_missing(self._client.source_id, min(self._totals), self.received)
        shrank = any(later < earlier for earlier, later in zip(self._totals, self._totals[1:], strict=False))
        if shrank and self._pages.paging is not Paging.CURSOR:  # later rows moved up across the end of a page
            raise errors.changed(self._client.source_id)

    def _note(self, answer: Answer) -> None:
        if answer.total is not None and (not self._totals or self._totals[-1] != answer.total):
            self._totals.append(answer.total)

    def _answer(self, url: str) -> Answer | None:
        return self._client.get(url, _ACCEPT, self._taken)

    def _taken(self, response: BaseHTTPResponse) -> Answer | None:
        if response.status in MISSING:
            drained(response)
            return None
        try:
            document = document_of(response, self._client.settings)
        except ValueError as error:  # cut off, or the page of a proxy
            raise TryAgain from error
        except TooMuch as error:
            raise errors.answer_beyond(self._client.source_id, str(error)) from error
        return understood(document, response.headers.get("link", ""), self._pages, self._client.source_id)
