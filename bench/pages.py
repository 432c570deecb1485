"""`python -m bench.pages FOLDER` serves files over HTTP and does nothing else.

The first line of its output is the URL.
"""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # one connection for all pages
    disable_nagle_algorithm = True  # otherwise the head of an answer waits for the previous answer
    wbufsize = 1 << 16

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until terminated."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=sys.argv[1])) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
