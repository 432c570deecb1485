"""A remote that sends a little occasionally is late all the same; and a small page is no large document."""

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from services.contract.spec import AttachmentSpec, HttpPages, Relation, SourceRef
from services.worker.sources.errors import SourceFailed
from services.worker.sources.http.attachments import UrlFiles
from services.worker.sources.http.items import MEMORY_FACTOR, decoded, memory_bytes
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.stores.streams import PIECE
from tests.integration.sources.source_specs import read, spec_of
from tests.servers.certificates import certified_by_lax_authority
from tests.threads import ended

SOON_S = 0.3
Talk = Callable[[socket.socket, int], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def remote(talk: Talk) -> Iterator[str]:
    """The address of a server that talks so on each connection; `talk` is given its number, from 0."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError):
            talk(connection, number)

    def accept() -> None:
        number = 0
        while not over.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection, number), daemon=True).start()
                number += 1

    with ended(), listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)  # closing it does not wake who accepts


def dripping(start: bytes, drop: bytes) -> Talk:
    """Reads a request, and sends drops until nobody takes them: it never ends by itself."""

    def talk(connection: socket.socket, _number: int) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while True:
            connection.sendall(drop)
            time.sleep(0.02)  # far below any timeout of a socket

    return talk


def settings_of(address: str, scheme: str = "http") -> HttpSettings:
    url = f"{scheme}://{address}"
    return HttpSettings("things", url, allow_private=True, timeout_s=SOON_S, connect_timeout_s=60, retry_s=0)


def failure(settings: HttpSettings) -> SourceFailed:
    relation = Relation(http=HttpPages("things", items="data", next="next"))
    with pytest.raises(SourceFailed) as failed:
        read(settings, spec_of("http", {"id": "integer"}, relation=relation))
    return failed.value


DRIPS = {
    "the status line": dripping(b"HTTP/1.1 200 O", b"K"),
    "one header": dripping(HEAD + b"X-Long: ", b"x"),
    "headers": dripping(HEAD, b"x: y\r\n"),
    "interim answers": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body": dripping(HEAD + b'Content-Length: 1000000\r\n\r\n{"data": [', b" "),
    "a body that ends with its connection": dripping(HEAD + b'\r\n{"data": []}', b" "),
    "chunks": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "the body of a redirect": dripping(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n", b"x: y\r\n"),
    "what nobody finds": dripping(b"HTTP/1.1 404 Not Found\r\nContent-Length: 1000\r\n\r\n", b" "),
}


@pytest.mark.parametrize("talk", DRIPS.values(), ids=DRIPS)
def test_a_page_that_drips_is_given_up(talk: Talk) -> None:
    with remote(talk) as address:
        assert failure(settings_of(address)).code == "SOURCE_UNAVAILABLE"


def test_a_handshake_that_drips_is_given_up() -> None:
    record = dripping(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03", b"\x00")
    with remote(record) as address:
        assert failure(settings_of(address, "https")).code == "SOURCE_UNAVAILABLE"


def test_a_connection_that_is_used_again_is_watched_again() -> None:
    def talk(connection: socket.socket, number: int) -> None:
        if number == 0:
            connection.recv(65536)
            page = b'{"data": [{"id": 1}], "next": "/b"}'
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(page) + page)
        dripping(HEAD, b"x: y\r\n")(connection, number)

    with remote(talk) as address:
        assert failure(settings_of(address)).code == "SOURCE_UNAVAILABLE"


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(dripping(HEAD, b"x: y\r\n"), id="headers"),
        pytest.param(dripping(HEAD + b"Content-Length: 9000000\r\n\r\n", b"x"), id="the first piece"),
        pytest.param(dripping(HEAD + b"Content-Length: 9000000\r\n\r\n" + b"x" * PIECE, b"x"), id="a later piece"),
    ],
)
def test_an_attachment_that_drips_is_given_up(talk: Talk) -> None:
    with remote(talk) as address:
        files = UrlFiles(settings_of(address))
        attachment = AttachmentSpec("a.pdf", SourceRef("things", "http"), "a.pdf")
        with pytest.raises(SourceFailed) as failed:
            _read_all(files, attachment)
        files.close()
    assert failed.value.code == "SOURCE_UNAVAILABLE"


def _read_all(files: UrlFiles, attachment: AttachmentSpec) -> None:
    opened = files.open(attachment, "", {})
    assert opened is not None
    with opened:
        while opened.read(PIECE):
            pass


def test_what_tls_finds_wrong_is_told_in_openssls_words(tmp_path: Path) -> None:
    certificate = certified_by_lax_authority(tmp_path, "localhost")

    def talk(connection: socket.socket, _number: int) -> None:
        certificate.server.wrap_socket(connection, server_side=True)

    with remote(talk) as address:
        failed = failure(replace(settings_of(address, "https"), timeout_s=60))
    assert failed.code == "SOURCE_UNAVAILABLE"
    assert failed.message == ("The source 'things' cannot be read now: TLS: unable to get local issuer certificate.")


# ---- memory


def document(item: bytes, size: int = 300_000) -> bytes:
    return b"[" + b",".join([item] * (size // (len(item) + 1))) + b"]"


DENSE = [b"{}", b"[]", b"1.5", b"1e5", b'{"":1}', b"[[]]", b'{"a":[]}', b"123456789012"]
USUAL = [
    b'{"id": 1234, "name": "Ana Mar\\u00eda", "issuedAt": "2026-01-31T10:00:00+00:00", "total": 1234.56}',
    b'{"@id": "/invoices/7", "@type": "Invoice", "uuid": "01935a00-0000-7000-8000-000000000001", "tags": ["a", "b"]}',
    b'"a text of some length, with a comma, a colon: and a point."',
]


@pytest.mark.parametrize("item", [*DENSE, *USUAL])
def test_what_a_page_takes_in_memory_is_known_before_it_is_read(item: bytes) -> None:
    body = document(item)
    tracemalloc.start()
    kept = decoded(body)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept
    assert memory_bytes(body) > 0.9 * taken


@pytest.mark.parametrize("item", USUAL)
def test_pages_of_usual_rows_are_far_from_the_bound(item: bytes) -> None:
    body = document(item)
    assert memory_bytes(body) < MEMORY_FACTOR / 1.3 * len(body)


@pytest.mark.parametrize("item", [b"{}", b"[]", b"1e5"])
def test_a_page_of_many_empty_values_is_refused_before_it_is_read(item: bytes) -> None:
    body = document(item)

    def talk(connection: socket.socket, _number: int) -> None:
        connection.recv(65536)
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with remote(talk) as address:
        settings = replace(settings_of(address), timeout_s=60, max_page_bytes=len(body))
        relation = Relation(http=HttpPages("things"))
        with pytest.raises(SourceFailed) as failed:
            read(settings, spec_of("http", {"id": "integer"}, relation=relation))
    assert failed.value.code == "PAGE_TOO_LARGE"
    assert "bytes of memory" in failed.value.message
