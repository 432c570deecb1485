"""What a child does before its first job, so that no job waits for it."""

from services.runtime import logs


def up(log_format: str) -> None:
    """Set up the log; with the modules that `job` imports this is all that a job would wait for."""
    logs.configure("worker", log_format)
