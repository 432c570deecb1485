"""Secrets that settings keep elsewhere: in a file, or with a program that prints them, such as a client of a vault."""

import os
import shlex
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Timer

MAX_SECRET_BYTES = 64 << 10
COMMAND_TIMEOUT_S = 20.0


class SecretUnreadable(ValueError):
    """The secret cannot be read. The message contains no part of it, and nothing that a program has printed."""


def of_file(text: str) -> bytes:
    """Return the content of a file; `~` is the home directory. Raises SecretUnreadable."""
    try:
        with Path(text).expanduser().open("rb") as file:
            return _bounded(file.read(MAX_SECRET_BYTES + 1))
    except (OSError, RuntimeError) as why:
        raise SecretUnreadable(f"the file cannot be read ({_reason(why)})") from None


def of_command(text: str, timeout_s: float = COMMAND_TIMEOUT_S) -> bytes:
    """Return what a program prints. It runs without a shell, in a session of its own, which ends after `timeout_s`.

    `text` is split into words as a shell does. Raises SecretUnreadable.
    """
    try:
        words = shlex.split(text)
        program = subprocess.Popen(  # noqa: S603 - the operator's own command, from the settings
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except (OSError, ValueError, IndexError) as why:
        raise SecretUnreadable(f"the program cannot be started ({_reason(why)})") from None
    return _output(program, timeout_s)


def _output(program: "subprocess.Popen[bytes]", timeout_s: float) -> bytes:
    ends = Timer(timeout_s, _end, (program,))
    ends.start()
    try:
        output = program.stdout.read(MAX_SECRET_BYTES + 1) if program.stdout else b""
        if len(output) > MAX_SECRET_BYTES:
            _end(program)
        code = program.wait()
    finally:
        in_time = ends.is_alive()
        ends.cancel()
        _end(program)
        if program.stdout:
            program.stdout.close()
    if not in_time:
        raise SecretUnreadable(f"the program did not end within {timeout_s:g} s")
    output = _bounded(output)
    if code:
        raise SecretUnreadable(f"the program ended with {code}; run it to see why")
    return output


def _end(program: "subprocess.Popen[bytes]") -> None:
    """End the program and what it has started; harmless when they have ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)


def first_line(content: bytes) -> str:
    """Return the first line without white space around it. Raises SecretUnreadable."""
    try:
        lines = content.decode("utf-8").strip().splitlines()
    except UnicodeDecodeError:
        raise SecretUnreadable("it is not text in UTF-8") from None
    if not lines:
        raise SecretUnreadable("it is empty")
    return lines[0].strip()


def _bounded(content: bytes) -> bytes:
    if len(content) > MAX_SECRET_BYTES:
        raise SecretUnreadable(f"it has more than {MAX_SECRET_BYTES} bytes")
    return content


def _reason(why: Exception) -> str:
    return (isinstance(why, OSError) and why.strerror) or type(why).__name__
