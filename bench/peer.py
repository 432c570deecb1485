"""Runs one peer in a process of its own: `python -m bench.peer NAME OUT SOURCE…` prints its figures as JSON."""

import importlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.peers import PEERS


class NotMeasured(Exception):
    """A measurement was not possible. The text says why."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run.

    `peak_mb` is the peak memory of its process in MB (10^6 bytes). `processor_s` is the processor time of this process
    and of those that worked for it; 0 if it was not measured.
    """

    rows: int
    seconds: float
    peak_mb: float
    output: Path
    processor_s: float = 0.0

    @property
    def rows_per_s(self) -> float:
        """The rows per second."""
        return self.rows / self.seconds


def in_fresh_process(name: str, sources: list[Path], output: Path) -> Ran:
    """Run a peer of `peers.PEERS`. Raises NotMeasured if it fails, for example because it is not installed."""
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.peer", name, str(output), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise NotMeasured(f"{PEERS[name].label}: {(done.stderr.strip() or 'no word').splitlines()[-1][:200]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Ran(told["rows"], told["seconds"], told["peak_mb"], output, told["processor_s"])


def peak_mb(pid: int | str) -> float:
    """Return the peak memory of a process since the start of its program.

    `ru_maxrss` would not do: a process inherits it from its parent.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    """Import the modules, start the clock, and write the output."""
    name, output, *sources = sys.argv[1:]
    peer = PEERS[name]
    peer.prepare()
    for module in peer.modules:
        importlib.import_module(module)
    started, used = time.perf_counter(), time.process_time()
    rows = peer.write(sources, output)
    seconds, processor_s = time.perf_counter() - started, time.process_time() - used
    told = {"rows": rows, "seconds": seconds, "peak_mb": peak_mb("self"), "processor_s": processor_s}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
