"""One peer in a process of its own: `python -m bench.peer NAME OUT SOURCE…` prints what it took as JSON."""

import importlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.peers import PEERS


class NotMeasured(Exception):
    """It could not be run; the text says why."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: `peak_mb` is the most memory that its process held, in MB of 10^6 bytes; `processor_s` what it and those
    that worked for it took of the processors, 0 where that was not measured.
    """

    rows: int
    seconds: float
    peak_mb: float
    output: Path
    processor_s: float = 0.0

    @property
    def rows_per_s(self) -> float:
        """Its speed."""
        return self.rows / self.seconds


def in_fresh_process(name: str, sources: list[Path], output: Path) -> Ran:
    """Run a peer of `peers.PEERS`. Raises NotMeasured when it fails, such as when it is not installed."""
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.peer", name, str(output), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise NotMeasured(f"{PEERS[name].label}: {(done.stderr.strip() or 'no word').splitlines()[-1][:200]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Ran(told["rows"], told["seconds"], told["peak_mb"], output, told["processor_s"])


def peak_mb(pid: int | str) -> float:
    """The most memory that a process has held since it began its program.

    Not `ru_maxrss`, which a process inherits from the one that started it.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    """Import, start the clock, write."""
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
