"""Pages of lists: the one place that decides how much of a list an answer contains.

A page is limited by the encoded size of its messages, since clients limit the size of what they receive.
"""

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from services.api.secrets.page_tokens import PageTokens
from services.contract.errors import InvalidRequest, Violation

T = TypeVar("T")
M = TypeVar("M", bound=Message)

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000

MAX_PAGE_BYTES = 3 << 20
"""The most bytes of all messages of a page. Clients accept 4 MiB by default, and no single message comes near that."""

FRAME_BYTES = 6
"""The most bytes that a message in a list needs besides its own: its tag and its length."""

Found = tuple[Sequence[T], str]
"""Entries of a list, and the place after which the rest begins; empty if there is no more."""

Fetch = Callable[[str, int], Awaitable[Found[T]]]
"""Returns the entries after a place (empty: from the start), at most as many as asked for."""


class PagedRequest(Protocol):
    """The common part of all requests for a list."""

    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The requested page: at most `size` entries after the place `after`. Its tokens are valid for `bound_to` only."""

    size: int
    after: str
    bound_to: bytes


class Pages:
    """Reads and creates page tokens, and fills pages."""

    def __init__(self, tokens: PageTokens) -> None:
        self._tokens = tokens

    def asked(self, request: PagedRequest, tenant: str = "") -> Asked:
        """Return the page that a request asks for.

        Raises InvalidRequest for a negative page_size or a token of another list.
        """
        if request.page_size < 0:
            raise InvalidRequest((Violation("page_size", f"must not be negative; 0 is {DEFAULT_PAGE_SIZE}"),))
        bound_to = _bound_to(request, tenant)
        size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        return Asked(size, self._tokens.opened(request.page_token, bound_to), bound_to)

    async def filled(
        self, asked: Asked, fetch: Fetch[T], encoded: Callable[[T], M], place: Callable[[T], str]
    ) -> tuple[list[M], str]:
        """Return as many messages as were asked for and fit, and the token of the next page.

        The token is empty for the last page. If there are entries, a page has at least one message, however large it
        is.
        """
        entries, rest = await fetch(asked.after, asked.size)
        page: list[M] = []
        room, after = MAX_PAGE_BYTES, asked.after
        for entry in entries:
            message = encoded(entry)
            room -= message.ByteSize() + FRAME_BYTES
            if page and room < 0:
                return page, self._tokens.sealed(after, asked.bound_to)
            page.append(message)
            after = place(entry)
        return page, self._tokens.sealed(rest, asked.bound_to) if rest else ""


def one_more(fetch: Callable[[str, int], Awaitable[Sequence[T]]], place: Callable[[T], str]) -> Fetch[T]:
    """Return a Fetch that asks for one entry more than is wanted, to know whether others follow."""

    async def found(after: str, count: int) -> Found[T]:
        entries = await fetch(after, count + 1)
        return entries[:count], place(entries[count - 1]) if len(entries) > count else ""

    return found


def fetched_from(entries: Sequence[T], place: Callable[[T], str]) -> Fetch[T]:
    """Return a Fetch over a list in memory, which must be in the order of its places."""

    async def fetch(after: str, count: int) -> Sequence[T]:
        start = bisect_right(entries, after, key=place) if after else 0
        return entries[start : start + count]

    return one_more(fetch, place)


def _bound_to(request: Any, tenant: str) -> bytes:
    """Return the tenant, the list and all other fields of the request.

    The order of repeated enum values does not matter.
    """
    rest = type(request)()
    rest.CopyFrom(request)
    rest.ClearField("page_size")
    rest.ClearField("page_token")
    for field in rest.DESCRIPTOR.fields:
        if field.is_repeated and field.enum_type is not None:
            getattr(rest, field.name)[:] = sorted({*getattr(rest, field.name)})
    filters: bytes = rest.SerializeToString(deterministic=True)
    return f"{tenant} {rest.DESCRIPTOR.full_name} ".encode() + filters
