"""The folder for temporary files, wherever it is: the sockets of a worker's children have a place."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.worker.supervisor import forkserver
from tests.integration.programs.conftest import Place, up
from tests.tiers import deep_but


@pytest.mark.parametrize("length", deep_but([75, 76, 117], 117))
def test_a_path_of_any_length_will_do(length: int, place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("t")
    folder = folder / ("d" * (length - len(str(folder)) - 1))
    folder.mkdir()
    assert len(str(folder)) == length
    with up("exportd-worker", place, TMPDIR=str(folder)) as worker:
        worker.process.send_signal(signal.SIGTERM)
        assert worker.ends() == 0
    assert list(folder.iterdir()) == []


def test_what_multiprocessing_itself_calls_its_socket_is_no_longer_than_is_reckoned_with(tmp_path: Path) -> None:
    script = (
        "import tempfile; tempfile.tempdir = {!r}\n"
        "from multiprocessing.connection import arbitrary_address\nprint(arbitrary_address('AF_UNIX'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script.format(str(tmp_path))], capture_output=True, text=True, check=True
    )
    assert len(os.fsencode(done.stdout.strip())) - len(str(tmp_path)) <= forkserver.MAX_SOCKET_NAME_BYTES
