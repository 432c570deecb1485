"""exportctl: exports from a shell. `main` is the program."""

from exportd_client.cli.commands import main

__all__ = ["main"]
