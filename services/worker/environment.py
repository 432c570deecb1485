"""The environment of the worker's processes."""

from collections.abc import MutableMapping

_KEPT = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"})
_KEPT_PREFIXES = ("LC_", "PYTHON", "GRPC_", "POLARS_", "OMP_")


def forget(environ: MutableMapping[str, str]) -> None:
    """Remove what may be a secret, which is all but a few names: what children never see, no defect of theirs can show.

    To be called once the settings are read, before there are threads and children.
    """
    for name in [n for n in environ if n not in _KEPT and not n.startswith(_KEPT_PREFIXES)]:
        del environ[name]


def limit_threads(environ: MutableMapping[str, str]) -> None:
    """Polars would take a thread a core in each child, and a job has threads of its own: reading, encoding, storing.

    To be called before there are children: it counts when polars is imported.
    """
    environ.setdefault("POLARS_MAX_THREADS", "1")
