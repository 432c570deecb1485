"""Codes on the wire: text, of which each side keeps what it does not know."""

import copy
import pickle

import pytest

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2
from services.contract import codec
from services.contract.codes import FailureCode, Retry, UnknownCode, WarningCode, failure_code, warning_code
from services.contract.outcome import ExportWarning, Failure, RunStats


@pytest.mark.parametrize("code", FailureCode)
def test_a_known_failure_is_one_of_the_table_whatever_its_sender_says_of_it(code: FailureCode) -> None:
    sent = codec.failure_to_pb(Failure(code, "why"))
    assert (sent.code, sent.retryable) == (code.value, code.retry is not Retry.NEVER)
    sent.retryable = not sent.retryable
    assert codec.failure_from_pb(sent) == Failure(code, "why")
    assert codec.failure_from_pb(sent).code is code


@pytest.mark.parametrize("retryable", [True, False])
def test_an_unknown_failure_is_kept_as_text_with_what_its_sender_says_of_it(retryable: bool) -> None:
    message = queue_pb2.Failure(code="PLUGIN_LOST", message="why", retryable=retryable)
    failure = codec.failure_from_pb(message)
    assert isinstance(failure.code, UnknownCode)
    assert (failure.code, failure.retryable) == ("PLUGIN_LOST", retryable)
    assert codec.failure_to_pb(failure) == message


def test_warnings_are_those_of_the_table_or_kept_as_text() -> None:
    sent = [export_pb2.Warning(code="NO_ROWS", message="none", count=1), export_pb2.Warning(code="ODD", count=2)]
    stats = queue_pb2.RunStats(
        matched_by=export_pb2.MATCHED_BY_COUNT, consistency=export_pb2.CONSISTENCY_SNAPSHOT, warnings=sent
    )
    found: RunStats = codec.stats_from_pb(stats)
    assert found.warnings == (
        ExportWarning(WarningCode.NO_ROWS, "none", 1),
        ExportWarning(UnknownCode("ODD"), "", 2),
    )
    assert codec.warnings_to_pb(found.warnings) == sent


@pytest.mark.parametrize(
    "code", [FailureCode.DISK_FULL, WarningCode.NO_ROWS, failure_code("ODD", retryable=False), warning_code("ODD")]
)
def test_a_code_survives_a_process_and_a_copy(code: FailureCode | WarningCode | UnknownCode) -> None:
    for kept in (pickle.loads(pickle.dumps(code)), copy.deepcopy(code)):  # noqa: S301 - bytes of its own
        assert (kept, type(kept), getattr(kept, "retry", None)) == (code, type(code), getattr(code, "retry", None))
