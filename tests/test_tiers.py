"""`make test` leaves the tests marked `deep` to `make test-all`: what is left must notice every kind of mistake."""

from functools import cache
from pathlib import Path

import pytest

from tests.tiers import deep_but, quick_in

TESTS = Path(__file__).parent

ONLY_DEEP = {
    "test_architecture.py": "`make check` runs it",
    "test_patience.py": "`make check` runs it",
    "docs/test_site.py": "builds the site: docs/test_pages.py reads every page",
    "e2e/test_demo.py": "`make demo`: e2e/test_main_job.py exports the same",
    "e2e/test_planted_in_databases.py": "e2e/test_planted_secrets.py looks into all but the databases",
    "e2e/test_two_apis.py": "e2e/test_on_postgres.py has two apis, ports/test_live_*.py what one tells the other",
    "integration/api/test_fuzzed_bytes.py": "at random: test_hostile_workers.py and test_isolation.py try each field",
    "e2e/test_chaos_small.py": "rounds of chaos: each fault has a test of its own (tests/faults/test_every_fault.py)",
    "e2e/test_cluster_demo.py": "`make demo-cluster`: e2e/test_on_postgres.py and test_two_apis.py have its parts",
    "e2e/test_postgres_restarted.py": "faults/test_faults_of_postgres.py ends the sessions of a store",
    "e2e/clients/test_secured.py": "clients in other languages with a key: e2e/test_trust.py has the client with one",
    "integration/artifacts/test_azure.py": "its emulator is 186 MB of npm: the bucket has the same tests",
    "integration/gateway/test_schemathesis.py": "a fuzzer: test_openapi.py holds every route against its document",
    "integration/programs/test_installed.py": "builds wheels, and installs them in seven environments",
    "integration/storage/test_postgres_pooled.py": "a pooler before PostgreSQL, which is met without one everywhere",
    "e2e/test_releases_together.py": "builds the last release: `make check` compares the interfaces",
    "integration/chaos/test_interrupted.py": "tests of chaos itself",
    "integration/chaos/test_shared_stores.py": "tests of chaos itself",
    "linters/test_microsofts_validator.py": "brings a validator from npm: linters/test_outputs.py lints every file",
}
"""Files of which `make test` runs nothing, and why that costs no guard."""


@cache
def _marked() -> dict[str, str]:
    """The text of each file of tests that uses a marker of a tier."""
    texts = {str(path.relative_to(TESTS)): path.read_text() for path in sorted(TESTS.rglob("test_*.py"))}
    return {name: text for name, text in texts.items() if "deep" in text or "mark.slow" in text}


def test_a_file_has_a_test_that_every_change_runs_or_says_why_not() -> None:
    assert {name for name, text in _marked().items() if not quick_in(text)} == set(ONLY_DEEP)


def test_slow_is_said_of_unit_tests_alone() -> None:
    """Only `make test-unit` asks."""
    assert [
        name for name, text in _marked().items() if "mark.slow" in text and not name.startswith(("unit/", "test_tiers"))
    ] == []


@pytest.mark.parametrize(
    "text",
    [
        "pytestmark = deep\ndef test_a(): ...",
        "pytestmark = [a, pytest.mark.deep]\ndef test_a(): ...",
        "@deep\nasync def test_a(): ...\ndef helper(): ...",
    ],
)
def test_a_file_that_is_only_deep_is_found(text: str) -> None:
    assert quick_in(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "@deep\ndef test_a(): ...\ndef test_b(): ...",
        "@pytest.mark.parametrize('x', deep_but('ab', 'a'))\ndef test_a(): ...",
        "class TestA:\n  def test_a(self): ...",
    ],
)
def test_a_file_with_a_quick_test_is_another(text: str) -> None:
    assert len(quick_in(text)) == 1


def test_a_parameter_that_is_to_stand_for_others_must_be_there() -> None:
    a, b, c = deep_but(["a", ("b", 1), pytest.param("c", id="d")], "b")
    assert [bool(getattr(each, "marks", ())) for each in (a, b, c)] == [True, False, True]
    with pytest.raises(ValueError, match="not among the parameters"):
        deep_but("ab", "c")
