"""Secrets that settings keep in variables, files, or with a command."""

import sys
from pathlib import Path

import pytest

from services.runtime.secret_text import reading
from services.runtime.settings import SettingsError, SettingsReader
from tests.patience import PATIENCE_S

PLANTED = "s3cr3t-of-a-test"


def script(folder: Path, body: str) -> str:
    file = folder / "tell it.py"
    file.write_text(body)
    return f"{sys.executable} '{file}'"


def read(**environ: str) -> str:
    reader = SettingsReader(environ)
    value = reader.secret("WORD")
    reader.finish()
    return value


def test_a_secret_comes_from_a_variable_a_file_or_a_command(tmp_path: Path) -> None:
    (tmp_path / "word").write_text(f"  {PLANTED} \nsecond line\n")
    command = script(tmp_path, f"print({PLANTED!r}); print('second')")
    assert read(WORD=PLANTED) == PLANTED
    assert read(WORD_FILE=str(tmp_path / "word")) == PLANTED
    assert read(WORD_COMMAND=command) == PLANTED
    assert read() == ""


def test_two_sources_are_one_too_many() -> None:
    with pytest.raises(SettingsError, match="WORD and WORD_FILE are set") as refused:
        read(WORD=PLANTED, WORD_FILE="/nowhere")
    assert PLANTED not in str(refused.value)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (f"print({PLANTED!r}); raise SystemExit(3)", "ended with 3"),
        (f"import sys; sys.stderr.write({PLANTED!r})", "it is empty"),
        (f"print({PLANTED!r} * 10_000)", "more than 65536 bytes"),
        (f"import sys; sys.stdout.buffer.write({PLANTED!r}.encode() + bytes([255]))", "not text in UTF-8"),
    ],
    ids=["fails", "prints nothing", "prints too much", "no text"],
)
def test_a_command_that_gives_no_secret_is_a_problem_that_repeats_nothing(tmp_path: Path, body: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as refused:
        read(WORD_COMMAND=script(tmp_path, body))
    assert PLANTED not in str(refused.value)


def test_a_command_runs_without_a_shell(tmp_path: Path) -> None:
    assert read(WORD_COMMAND=f"echo $HOME;touch {tmp_path}/made") == f"$HOME;touch {tmp_path}/made"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SettingsError, match="cannot be started"):
        read(WORD_COMMAND=f"{tmp_path}/none")


def test_a_command_that_does_not_end_is_ended_with_all_that_it_has_begun(tmp_path: Path) -> None:
    body = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(3600)'])"
    with pytest.raises(reading.SecretUnreadable, match="did not end within"):
        reading.of_command(script(tmp_path, body), timeout_s=0.5)


def test_a_command_that_prints_without_end_is_ended(tmp_path: Path) -> None:
    body = "import sys\nwhile True: sys.stdout.write('x' * 4096)"
    with pytest.raises(reading.SecretUnreadable, match="more than 65536 bytes"):
        reading.of_command(script(tmp_path, body), timeout_s=PATIENCE_S)


def test_a_file_that_is_not_there_or_too_large_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (reading.MAX_SECRET_BYTES + 1))
    for file, why in (("none", "No such file"), ("large", "more than 65536 bytes")):
        with pytest.raises(SettingsError, match=f"WORD_FILE: .*{why}"):
            read(WORD_FILE=str(tmp_path / file))


def test_a_file_that_is_read_again_is_named_and_not_read(tmp_path: Path) -> None:
    reader = SettingsReader({"WORD_FILE": str(tmp_path / "later"), "OTHER": PLANTED})
    assert reader.secret_or_file("WORD") == tmp_path / "later"
    assert reader.secret_or_file("OTHER") == PLANTED
    assert reader.secret_or_file("NONE") == ""
    reader.finish()
