"""What a connection to DuckDB does in a child, whose main module is no file."""

import subprocess
import sys

_PROGRAM = """
import duckdb
from services.worker.sources.duckdb.connection import register
shown = "select current_setting('enable_progress_bar')"
with duckdb.connect() as connection:
    print(connection.execute(shown).fetchall()[0][0])
    register(connection, "UTC")
    print(connection.execute(shown).fetchall()[0][0])
"""


def test_a_child_writes_no_progress_to_its_standard_output() -> None:
    """DuckDB takes a process without a main file for somebody at a prompt, and shows him long queries' progress."""
    told = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["True", "False"]
