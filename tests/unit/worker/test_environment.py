"""The environment of the worker's processes."""

import json
import subprocess
import sys

READ_BY_POLARS = """
import json, os
from services.worker import environment
environment.prepare_polars(os.environ)
import polars
print(json.dumps([polars.thread_pool_size(), os.environ["_RJEM_MALLOC_CONF"]]))
"""


def test_polars_has_one_thread_and_keeps_freed_memory():
    done = subprocess.run([sys.executable, "-c", READ_BY_POLARS], capture_output=True, check=True, env={})
    threads, allocator = json.loads(done.stdout)
    assert threads == 1
    # polars adds its own settings, and the last one counts
    assert allocator.split(",")[-1] == "dirty_decay_ms:10000"
