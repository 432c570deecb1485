"""The memory of pieces is used again: the system is not asked for each of them."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from exportd_client import freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if "keep" in sys.argv:
    freed_memory.keep()
before = faults()
for _ in range(50):
    pieces = [b"x" * (1 << 20) for _ in range(3)]
    del pieces
print(faults() - before)
"""
PAGES_OF_A_PIECE = 256


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the malloc of glibc")
def test_pieces_take_their_memory_from_the_system_once() -> None:
    assert faults("keep") < 10 * 3 * PAGES_OF_A_PIECE < faults()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the malloc of glibc")
def test_a_limit_of_the_program_itself_stays() -> None:
    assert faults("keep", MALLOC_MMAP_THRESHOLD_="131072") > 40 * 3 * PAGES_OF_A_PIECE


def faults(*arguments: str, **environ: str) -> int:
    command = [sys.executable, "-c", FAULTS, *arguments]
    return int(subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout)
