"""API keys that a program prints, such as the client of a vault."""

import shlex
import subprocess

MAX_KEY_BYTES = 16 << 10
COMMAND_TIMEOUT_S = 60.0
"""Long enough for a person to unlock a vault."""


def key_of_command(command: str, timeout: float = COMMAND_TIMEOUT_S) -> str:
    """Return the first line that a program prints: `api_key=key_of_command("pass show exportd")`.

    The command is split into words as a shell does, and runs without one. What it writes to stderr is shown, its output
    is in no message. It is ended after `timeout` seconds.

    Raises ValueError if it cannot be started, fails, does not end, or prints no key.
    """
    try:
        words = shlex.split(command)
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=timeout, check=False)  # noqa: S603 - the caller's own command
    except subprocess.TimeoutExpired:
        raise ValueError(f"the program that prints the API key did not end within {timeout:g} s") from None
    except (OSError, ValueError, IndexError) as why:
        reason = (isinstance(why, OSError) and why.strerror) or "the command is malformed"
        raise ValueError(f"the program that prints the API key cannot be started ({reason})") from None
    if done.returncode:
        raise ValueError(f"the program that prints the API key ended with {done.returncode}")
    return _first_line(done.stdout)


def _first_line(output: bytes) -> str:
    lines = output[:MAX_KEY_BYTES].decode("ascii", "replace").strip().splitlines()
    key = lines[0].strip() if lines and len(output) <= MAX_KEY_BYTES else ""
    if not (key and key.isascii()):
        raise ValueError("the program that should print the API key prints none")
    return key
