"""How many files, sockets and pipes a process may have open."""

import resource
from contextlib import suppress

from services.runtime import logs


def raise_limit(needed: int) -> int:
    """Raise the soft limit to the hard one; warn when that is less than `needed`. Returns the limit, -1 for none.

    To be called once the log is set up.
    """
    limit = _raised()
    if limit != resource.RLIM_INFINITY and limit < needed:
        logs.get().warning(
            "open_files_limit_low",
            limit=limit,
            needed=needed,
            fix="raise the hard limit of open files (ulimit -Hn; LimitNOFILE of systemd; ulimits of a container)",
        )
    return limit


def _raised() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # a hard limit that the system itself would not allow any more
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
