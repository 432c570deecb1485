"""Tests both services with injected faults, as real processes: `make chaos`.

Callers create, watch, cancel, download, delete and preview, and operators retry. Meanwhile processes are killed and
suspended, connections are cut, and disks are filled. Afterwards everything is repaired, and what the services promised
is compared with what is there. The ledger records what callers and receivers were told; the checks decide separately
whether it is true.

`random.Random(seed)` draws the plan of every round: which requests are made when, and what breaks when. The same seed
gives the same plan. The scheduling of the processes by the machine is not repeatable, so a fault may meet another
export, or another phase of it.
"""
