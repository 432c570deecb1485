"""The reader for the measurements of downloads over HTTP.

`python -m bench.http_reader` takes what bench.stream_reader takes: `target` is HOST:PORT and `method` a path. It is as
bare as that one: the bytes are read into memory whose pages were touched before, and hashed after the clock stopped.
"""

import hashlib
import http.client
import json
import mmap
import sys
import time
from contextlib import closing
from dataclasses import asdict

from bench.stream_reader import Asked, Read


def read(asked: Asked) -> Read:
    """Read one file. Raises OSError if the answer is another one than 200."""
    with mmap.mmap(-1, asked.size_bytes) as kept, closing(http.client.HTTPConnection(asked.target)) as connection:
        kept.write(bytes(asked.size_bytes))
        connection.connect()
        started, cpu_s = time.perf_counter(), time.process_time()
        size = _filled(kept, connection, asked.method)
        took = time.perf_counter() - started, time.process_time() - cpu_s
        return Read(*took, hashlib.sha256(memoryview(kept)[:size]).hexdigest())


def _filled(kept: mmap.mmap, connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise OSError(f"{path}: {answer.status}")
    place = 0
    with memoryview(kept) as memory:
        while count := answer.readinto(memory[place:]):
            place += count
    return place


if __name__ == "__main__":
    print(json.dumps(asdict(read(Asked(**json.load(sys.stdin))))))
