"""A collection that is still being written for as long as a test wants it to be: its last page waits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.api_platform import ApiPlatform, Reply, Request, served

PAGES = 6
PAGE_ROWS = 10_000
"""More than the rows that a worker waits for; of so many pages some are written while others are on their way."""

CATALOG = """
[sources.held]
kind = "http"
[collections.Held]
path = "/held"
source = "held"
key = ["n"]
formats = ["XLSX", "CSV"]
[[collections.Held.columns]]
field = "n"
type = "integer"
[[collections.Held.columns]]
field = "text"
[collections.Held.http]
path = "things"
paging = "link"
size_parameter = "itemsPerPage"
page_size = 10000
"""

SOURCES = """
[sources.held]
kind = "http"
url = "{url}"
allow_private = true
"""


class Held:
    """The API of `/held`; closed, it keeps the last page of each export to itself."""

    def __init__(self) -> None:
        items = [{"n": number, "text": f"number {number}"} for number in range(PAGES * PAGE_ROWS)]
        self._gate = threading.Event()
        self._api = ApiPlatform(items, always=self._when_open, most_a_page=PAGE_ROWS)

    @property
    def sources(self) -> str:
        """What a worker's sources file says of it."""
        return SOURCES.format(url=self._api.url)

    @contextmanager
    def served(self) -> Iterator["Held"]:
        """Serve it until the context ends."""
        with served(self._api):
            try:
                yield self
            finally:
                self.open()

    def open(self) -> None:
        """Lets every export go on, those to come, too."""
        self._gate.set()

    def close(self) -> None:
        """Exports stop before their last page from here on."""
        self._gate.clear()

    def _when_open(self, request: Request, reply: Reply) -> Reply:
        if dict(request.query).get("page") == str(PAGES):
            self._gate.wait()
        return reply
