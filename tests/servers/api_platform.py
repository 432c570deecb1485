"""A real HTTP server that behaves like API Platform, bad moments included, on loopback."""

import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

Item = dict[str, Any]
_PIECE = 100
_BRACKETS = re.compile(r"([\w.]+)\[([\w.]*)\]")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "after": lambda a, b: a >= b,
    "strictly_after": lambda a, b: a > b,
    "before": lambda a, b: a <= b,
    "strictly_before": lambda a, b: a < b,
    "gte": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "lte": lambda a, b: a <= b,
    "lt": lambda a, b: a < b,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `cut` sends only so many bytes of the body, and then hangs up. `pause_s` is between pieces of it."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None
    pause_s: float = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; `number` counts from 1."""

    number: int
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]


Moment = Callable[[Request, Reply], Reply]
"""What happens to the answer to one request."""


@dataclass
class ApiPlatform:
    """The state of a server; tests read and change it while it runs.

    Collections, by the first part of the path: `/things` as JSON-LD, with `hydra:` where `prefix` says so;
    `/plain` as a list, with a header Link; `/cursors` and `/numbers` as an object with `data`. Anything below
    `/files/` is one of `files`. It knows the filters of API Platform on `filterable` and ignores every other parameter.
    """

    items: list[Item]
    filterable: frozenset[str] = frozenset()
    files: dict[str, bytes] = field(default_factory=dict)
    moments: dict[int, Moment] = field(default_factory=dict)
    always: Moment = lambda _, reply: reply
    before: Callable[[int], None] = lambda _: None
    prefix: str = "hydra:"
    page_size: int = 30
    most_a_page: int = 1_000
    stated: int | None = None
    gzipped: bool = False
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: Request) -> Reply:
        """The answer, with what the moment makes of it."""
        self.before(request.number)
        reply = self._plain_reply(request)
        moment = self.moments.get(request.number, self.always)
        return moment(request, reply)

    def _plain_reply(self, request: Request) -> Reply:
        parts = request.path.strip("/").split("/")
        if parts[0] == "files":
            content = self.files.get(unquote("/".join(parts[1:])))
            return Reply(404) if content is None else Reply(body=content)
        shape = {"things": self._linked, "plain": self._listed, "cursors": self._by_cursor, "numbers": self._numbered}
        if parts[-1] not in shape:
            return Reply(404, b'{"detail": "Not Found"}')
        found = [i for i in self.items if all(i.get("owner") == unquote(owner) for owner in parts[1:-1])]
        if parts[1:-1] and not found:
            return Reply(404)
        document, headers = shape[parts[-1]](request, _sorted(self._matching(found, request), request))
        return self._rendered(document, headers, request)

    def _rendered(self, document: object, headers: tuple[tuple[str, str], ...], request: Request) -> Reply:
        body = json.dumps(document).encode()
        if self.gzipped and "gzip" in request.headers.get("accept-encoding", ""):
            return Reply(body=gzip.compress(body), headers=(*headers, ("Content-Encoding", "gzip")))
        return Reply(body=body, headers=headers)

    def _matching(self, items: list[Item], request: Request) -> list[Item]:
        for name, value in request.query:
            bracket = _BRACKETS.fullmatch(name)
            prop, operator = (bracket[1], bracket[2]) if bracket else (name, "")
            if prop == "exists" and operator in self.filterable:
                items = [i for i in items if (_at(i, operator) is not None) == (value == "true")]
            elif prop in self.filterable:
                items = [i for i in items if self._fits(_at(i, prop), prop, operator, value, request)]
        return items

    def _fits(self, found: Any, prop: str, operator: str, value: str, request: Request) -> bool:
        if operator == "":
            wanted = [v for n, v in request.query if n in (prop, f"{prop}[]")]
            return str(found) in wanted
        compare = _COMPARE.get(operator)
        return compare is None or (found is not None and compare(found, type(found)(value)))

    def _cut(self, items: list[Item], request: Request) -> tuple[int, int, list[Item]]:
        query = dict(request.query)
        size = min(int(query.get("itemsPerPage", self.page_size)), self.most_a_page)
        number = int(query.get("page", 1))
        return number, size, items[(number - 1) * size : number * size]

    def _linked(self, request: Request, items: list[Item]) -> tuple[object, tuple[tuple[str, str], ...]]:
        number, size, page = self._cut(items, request)
        total = len(items) if self.stated is None else self.stated
        view = {"@id": request.path}
        if number * size < len(items):
            view[f"{self.prefix}next"] = _with_page(request, number + 1)
        document = {"@type": "Collection", f"{self.prefix}member": page, f"{self.prefix}view": view}
        return {**document, f"{self.prefix}totalItems": total}, (("Content-Type", "application/ld+json"),)

    def _listed(self, request: Request, items: list[Item]) -> tuple[object, tuple[tuple[str, str], ...]]:
        number, size, page = self._cut(items, request)
        links = [f'<{_with_page(request, 1)}>; rel="first"']
        if number * size < len(items):
            links.append(f'<{_with_page(request, number + 1)}>; title="a, b"; rel="next"')
        return page, (("Link", ", ".join(links)),)

    def _by_cursor(self, request: Request, items: list[Item]) -> tuple[object, tuple[tuple[str, str], ...]]:
        start = int(dict(request.query).get("after", 0))
        page = items[start : start + self.page_size]
        following = start + self.page_size
        return {"data": page, "meta": {"next": following if following < len(items) else None}}, ()

    def _numbered(self, request: Request, items: list[Item]) -> tuple[object, tuple[tuple[str, str], ...]]:
        _, _, page = self._cut(items, request)
        meta = {} if self.stated is None else {"count": self.stated}
        return {"data": page, "meta": meta}, ()


def _at(item: Item, path: str) -> Any:
    for name in path.split("."):
        item = item.get(name) or {}
    return None if item == {} else item


def _sorted(items: list[Item], request: Request) -> list[Item]:
    for name, value in reversed(request.query):
        bracket = _BRACKETS.fullmatch(name)
        if bracket and bracket[1] == "order":
            prop = bracket[2]
            items = sorted(items, key=lambda i, p=prop: _at(i, p), reverse=value == "desc")
    return items


def _with_page(request: Request, number: int) -> str:
    kept = [(n, v) for n, v in request.query if n != "page"]
    return f"{request.path}?{urlencode([*kept, ('page', str(number))])}"


# ---- bad moments


def status(code: int, **headers: str) -> Moment:
    """Another status; `Retry_After="1"` becomes a header."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return lambda _, reply: Reply(code, b"{}", named)


def cut(size: int) -> Moment:
    """The body ends after `size` bytes."""
    return lambda _, reply: Reply(reply.status, reply.body, reply.headers, size)


def body(content: bytes, **headers: str) -> Moment:
    """Another body."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return lambda _, reply: Reply(reply.status, content, named)


def edited(change: Callable[[Any], None]) -> Moment:
    """The same document but for a change."""

    def edit(_: Request, reply: Reply) -> Reply:
        document = json.loads(reply.body)
        change(document)
        return Reply(reply.status, json.dumps(document).encode(), reply.headers)

    return edit


# ---- the server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    api: ApiPlatform

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.api.lock:
            query = parse_qsl(parts.query, keep_blank_values=True)
            request = Request(len(self.api.requests) + 1, parts.path, query, headers)
            self.api.requests.append(request)
        self._send(self.api.reply(request))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        for piece in _pieces(reply.body[: reply.cut], reply.pause_s):
            self.wfile.write(piece)
        if reply.cut is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Tests need no log."""


def _pieces(content: bytes, pause_s: float) -> Iterator[bytes]:
    if not pause_s:
        yield content
        return
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]
        time.sleep(pause_s)  # a slow server is what a test asked for


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """A client that hangs up in the middle is part of the game."""


@contextmanager
def served(api: ApiPlatform) -> Iterator[ApiPlatform]:
    """Serve on a free port until the context ends; `api.url` is where."""
    handler = type("_Handler", (_Handler,), {"api": api})
    server = _Server(("127.0.0.1", 0), handler)
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
