"""Every fault that exportd is built for has its test, named after its number, at the lowest level where it is real.

`make test` has one of each.

 1 lease committed, answer lost        2 dead long poll first in line      3 job created as a poll goes to sleep
 4 worker killed in each phase         5 one of two workers killed often   6 worker stopped for two ttl, continued
 7 leased again by the same worker     8 complete's answer lost            9 reaper, cancel, complete, claim at once
10 cancel while the hints are down    11 worker restarted, same host      12 input that kills each worker
13 event loop busy for two ttl        14 child hangs, supervisor lives    16 call cancelled in mid-transaction
17 SIGTERM to the worker              18 SIGTERM to the api               19 disk full, writing and committing
20 50 creates with one request_id     21 a tenant floods                  22 clock jump of an hour on the worker
23 api killed before it notified      15 PostgreSQL ends sessions, takes none, is stopped

24 (an object store that answers 500, times out, cuts an upload) is not there yet. The state machine of tests/ports
meets many of the others at the same time.
"""

import re
from collections import Counter
from pathlib import Path

from tests.tiers import quick_tests

TESTS = Path(__file__).parent.parent
FAULTS = {*range(1, 25)} - {24}


def test_every_fault_has_a_test_with_its_number_in_each_run() -> None:
    found: Counter[int] = Counter()
    for file in TESTS.rglob("test_*.py"):
        if "def test_fault_" in file.read_text():
            found.update(numbers(quick_tests(file)))
    assert set(found) == FAULTS


def numbers(tests: list[str]) -> list[int]:
    return [int(found[1]) for test in tests if (found := re.match(r"test_fault_(\d\d)_", test))]
