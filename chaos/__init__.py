"""Both services under fire, as real processes: `make chaos`.

Callers create, watch, cancel, download, delete and preview, operators retry; meanwhile processes are killed and frozen,
connections cut and disks filled. Afterwards everything is healed, and what was promised is compared with what is there.
The ledger has what callers and receivers were told; the checks, apart from it, say what of that is wrong.

`random.Random(seed)` draws the plan of every round: who asks for what when, what breaks when. The same seed gives the
same plan. What is not repeatable is how the machine schedules the processes in between: which export a fault meets, and
in which phase.
"""
