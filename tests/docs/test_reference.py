"""docs/reference says what the code does: the pages are those that it makes, and nothing is missing on any side."""

import re
from pathlib import Path

import pytest

import exportd_client
import services
from exportd.v1 import error_reason_pb2, export_pb2, failure_code_pb2, warning_code_pb2
from exportd_client.enums import names_of
from services.api.domain.history import CREATED
from services.api.domain.states import CancelReason, Event, State
from services.api.metrics import ApiMetrics
from services.api.settings_help import HELP as API_HELP
from services.contract.codes import FailureCode, Retry, WarningCode
from services.contract.status import BY_REASON
from services.gateway.settings_help import HELP as GATEWAY_HELP
from services.worker.settings_help import HELP as WORKER_HELP
from tests.docs import log_events_reference, reference, settings_reference
from tests.docs.proto_comments import values_of

ROOT = reference.FOLDER.parents[1]
PROGRAMS = [path for of in (services, exportd_client) for path in Path(of.__path__[0]).rglob("*.py")]


def _shown(file: str, table: int = 0) -> list[list[str]]:
    """Cells of one of a page's tables, without its head and its code marks."""
    text = (reference.FOLDER / file).read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    lines = blocks[table].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("file", reference.PAGES)
def test_a_page_is_the_one_that_make_docs_writes(file: str) -> None:
    assert (reference.DOCS / file).read_text(encoding="utf-8") == reference.PAGES[file]()


def test_no_page_is_left_over() -> None:
    assert {f"reference/{path.name}" for path in reference.FOLDER.iterdir()} <= set(reference.PAGES)


def test_failures_are_the_same_in_code_interface_and_documentation() -> None:
    of_proto = list(names_of(failure_code_pb2.FailureCode))
    assert [code.value for code in FailureCode] == list(FailureCode.__members__) == of_proto
    assert [row[0] for row in _shown("failures.md")] == of_proto


def test_warnings_are_the_same_in_code_interface_and_documentation() -> None:
    of_proto = list(names_of(warning_code_pb2.WarningCode))
    assert [code.value for code in WarningCode] == list(WarningCode.__members__) == of_proto
    assert [row[0] for row in _shown("warnings.md")] == of_proto


@pytest.mark.parametrize("retry", [Retry.LATER, Retry.ELSEWHERE])
def test_the_interface_says_which_failures_are_retried_and_which_given_back(retry: Retry) -> None:
    said = values_of("failure_code.proto", "FailureCode")
    found = {name for name, text in said.items() if text.startswith(reference.SAID[retry])}
    assert found == {code for code in FailureCode if code.retry is retry}


def test_reasons_are_the_same_in_code_interface_and_documentation() -> None:
    said = values_of("error_reason.proto", "ErrorReason")
    assert list(said) == list(names_of(error_reason_pb2.ErrorReason)) == [row[0] for row in _shown("reasons.md")]
    sent = {name for name, text in said.items() if not text.endswith(reference.NOT_SENT)}
    assert sent == BY_REASON.keys() == {row[0] for row in _shown("reasons.md") if row[3]}


def test_every_code_and_reason_has_a_remedy() -> None:
    remedies = [
        *(c.remedy for c in FailureCode),
        *(c.remedy for c in WarningCode),
        *(e.remedy for e in BY_REASON.values()),
    ]
    assert [remedy for remedy in remedies if not remedy or remedy != remedy.strip() or remedy.endswith(".")] == []


def test_every_setting_is_documented_and_no_other() -> None:
    names = re.compile('"((?:EXPORTD|OTEL)_[A-Z_]+)"')
    used = {name for path in PROGRAMS for name in names.findall(path.read_text(encoding="utf-8"))}
    assert {row[0] for table in range(4) for row in _shown("settings.md", table)} == used


@pytest.mark.parametrize(
    ("read", "meanings"),
    [
        (settings_reference.of_api, API_HELP),
        (settings_reference.of_worker, WORKER_HELP),
        (settings_reference.of_gateway, GATEWAY_HELP),
    ],
)
def test_every_setting_that_a_service_reads_has_a_meaning_and_no_other(read, meanings) -> None:
    assert {setting.name for setting in read()} == set(meanings)
    assert [text for text in meanings.values() if not text.endswith(".")] == []


def test_every_metric_is_documented_and_no_other() -> None:
    declared = {
        name
        for path in PROGRAMS
        if path.name == "metrics.py"
        for name in re.findall(r'"(exportd_[a-z_]+)"', path.read_text(encoding="utf-8"))
    }
    rows = [row for table in range(3) for row in _shown("metrics.md", table)]
    assert {row[0].removesuffix("_total") for row in rows} == declared
    assert [row for row in rows if not row[3].endswith(".")] == []


def test_a_metric_of_the_reference_is_what_prometheus_is_shown() -> None:
    names = {sample.name for family in ApiMetrics().registry.collect() for sample in family.samples}
    unlabelled = {row[0] for row in _shown("metrics.md") if not row[2] and row[1] != "histogram"}
    assert unlabelled - {"exportd_log_lines_lost_total"} <= names


def test_states_and_events_are_the_same_in_code_and_interface() -> None:
    assert set(names_of(export_pb2.Export.State)) == set(State.__members__) == {row[0] for row in _shown("states.md")}
    assert set(names_of(export_pb2.Export.CancelReason)) == set(CancelReason.__members__)
    assert set(names_of(export_pb2.Transition.Event)) == {CREATED, *Event.__members__}


def test_every_event_of_the_log_is_explained_and_no_other() -> None:
    logged = {event.name for event in log_events_reference.events()}
    assert logged == set(log_events_reference.MEANINGS)


def test_the_code_that_logs_is_found_by_the_name_of_an_event() -> None:
    """An event that is put together of parts could be neither searched for nor explained."""
    calls = [
        call
        for path in PROGRAMS
        for call in re.findall(r"logs\.get\(\)\.\w+\(\s*(.)", path.read_text(encoding="utf-8"))
    ]
    assert calls
    assert set(calls) == {'"'}
