"""What the programs do with arguments: nothing that was mistyped starts a service."""

import os
import subprocess

import pytest

from tests.integration.programs.conftest import PROGRAMS, Place, ended, path_of, started
from tests.patience import PATIENCE_S
from tests.tiers import deep_but


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("option", deep_but(["-h", "--help"], "--help"))
def test_help_is_shown_without_any_setting(program: str, option: str) -> None:
    shown = ended(program, option, environ={})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"usage: {program} ")


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_version_is_shown(program: str) -> None:
    shown = ended(program, "--version", environ={})
    assert (shown.returncode, shown.stdout) == (0, f"{program} 0.2.0\n")


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "mistake", deep_but(["serve", "--data-dir=x", "catalogue", "introspekt", "--verison", "", "-", "\x1b[2J"], "serve")
)
def test_a_mistake_is_told_with_the_usage_and_starts_nothing(program: str, mistake: str, place: Place) -> None:
    refused = ended(program, mistake, environ=place.environ())
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"usage: {program} " in refused.stderr
    assert "\x1b" not in refused.stderr
    assert not place.data.exists()


@pytest.mark.parametrize(
    ("program", "mistake", "meant"),
    [
        ("exportd-api", "catalogue", "catalog"),
        ("exportd-api", "callback-secrets", "callback-secret"),
        ("exportd-api", "--verison", "--version"),
        ("exportd-worker", "introspekt", "introspect"),
        ("exportd-worker", "--hlep", "--help"),
    ],
)
def test_the_nearest_name_is_given(program: str, mistake: str, meant: str) -> None:
    assert f"did you mean {meant}?" in ended(program, mistake, environ={}).stderr


@pytest.mark.parametrize(
    "words",
    [
        ("exportd-api", "catalog"),
        ("exportd-api", "callback-secret"),
        ("exportd-worker", "introspect"),
        ("exportd-worker", "check"),
    ],
)
def test_a_command_has_help_of_its_own(words: tuple[str, str]) -> None:
    program, command = words
    shown = ended(program, command, "-h", environ={})
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"usage: {program} {command} ")


def test_a_mistake_behind_a_command_is_told_too(place: Place) -> None:
    refused = ended("exportd-api", "callback-secret", "one", "two", environ=place.environ())
    assert refused.returncode == 2
    assert "usage: exportd-api callback-secret" in refused.stderr
    assert not place.data.exists()


def test_a_reader_that_has_read_enough_ends_a_command_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        with started([path_of("exportd-api"), "catalog", "schema"], {}, stdout=writer, stderr=subprocess.PIPE) as cut:
            _, said = cut.communicate(timeout=PATIENCE_S)
    finally:
        os.close(writer)
    assert said == ""
