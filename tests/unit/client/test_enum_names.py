"""Values of enums by name: their enum's prefix is for messages only."""

import pytest

from exportd.v1.export_pb2 import Export, Format, Result, Transition
from exportd.v1.export_service_pb2 import ListExportsResponse
from exportd_client import name_of, state_name
from exportd_client.cli.as_json import plain
from exportd_client.enums import names_of, value_of

EXPORT = Export(
    id="STATE_QUEUED",
    state=Export.STATE_FAILED,
    format=Format.FORMAT_CSV,
    wait_reason=Export.WAIT_REASON_NO_WORKER,
    result=Result(consistency="CONSISTENCY_PAGED"),
    labels={"state": "STATE_QUEUED"},
)


def test_a_name_has_no_prefix_and_finds_its_value_again() -> None:
    assert state_name(EXPORT) == name_of(Export.State, EXPORT.state) == "FAILED"
    assert [value_of(Format, name) for name in names_of(Format)] == Format.values()[1:]


def test_a_field_that_says_nothing_is_unspecified_and_an_unknown_value_a_number() -> None:
    assert (name_of(Export.CancelReason, EXPORT.cancel_reason), name_of(Format, 99)) == ("UNSPECIFIED", "99")
    with pytest.raises(ValueError, match="STATE_SOLD"):
        value_of(Export.State, "SOLD")


def test_json_has_no_prefix_at_any_depth_and_leaves_text_alone() -> None:
    [shown] = plain(ListExportsResponse(exports=[EXPORT]))["exports"]
    assert [shown[name] for name in ("state", "format", "waitReason", "cancelReason")] == [
        *("FAILED", "CSV", "NO_WORKER", "UNSPECIFIED")
    ]
    assert shown["result"]["consistency"] == "PAGED"
    assert (shown["id"], shown["labels"]) == ("STATE_QUEUED", {"state": "STATE_QUEUED"})


def test_json_shows_an_unknown_value_as_its_number() -> None:
    unknown = Transition.FromString(Transition(after=Export.STATE_QUEUED).SerializeToString()[:-1] + b"\x63")
    assert plain(unknown)["after"] == 99
