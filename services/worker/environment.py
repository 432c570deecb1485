"""The environment of the worker's processes."""

from collections.abc import MutableMapping

_KEPT = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"})
_KEPT_PREFIXES = ("LC_", "PYTHON", "GRPC_", "POLARS_", "OMP_")


def forget(environ: MutableMapping[str, str]) -> None:
    """Remove all variables that may be secrets, that is, all but a few names.

    What children never see, they cannot reveal. Call it after the settings are read and before there are threads and
    children.
    """
    for name in [n for n in environ if n not in _KEPT and not n.startswith(_KEPT_PREFIXES)]:
        del environ[name]


def prepare_polars(environ: MutableMapping[str, str]) -> None:
    """Limit polars to one thread, and let its allocator keep freed memory for ten seconds.

    polars would use a thread per core in each child, and a job has its own threads for reading, encoding and storing.
    Its allocator gives memory back after half a second, while blocks of a MB are allocated and freed all the time. Call
    it before there are children: the values are read when polars is imported.
    """
    environ.setdefault("POLARS_MAX_THREADS", "1")
    environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000")
