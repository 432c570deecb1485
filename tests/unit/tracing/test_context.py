"""What a caller may send as `traceparent`: anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.tracing.context import CURRENT, TraceContext, carried, log_fields, outgoing, parsed
from services.runtime.tracing.serving import ForcedTraces
from services.runtime.tracing.tracer import NO_TRACER

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{SPAN}-01"
SAMPLED = TraceContext(TRACE, SPAN, is_sampled=True)

HOSTILE = {
    "none": [],
    "empty": [""],
    "doubled": [VALID, VALID],
    "two in one": [f"{VALID},{VALID}"],
    "no trace": [f"00-{'0' * 32}-{SPAN}-01"],
    "no span": [f"00-{TRACE}-{'0' * 16}-01"],
    "capital letters": [VALID.upper()],
    "version ff": [f"ff{VALID[2:]}"],
    "more in version 00": [f"{VALID}-more"],
    "short trace": [f"00-{TRACE[1:]}-{SPAN}-01"],
    "no hexadecimal digit": [f"00-g{TRACE[1:]}-{SPAN}-01"],
    "digits of another script": [f"00-{'٣' * 32}-{SPAN}-01"],
    "a line end": [f"{VALID}\n"],
    "a space": [f" {VALID}"],
    "too long": [f"01{VALID[2:]}-{'x' * 10_000}"],
}


@pytest.mark.parametrize("values", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_context_is_ignored(values: list[str]) -> None:
    assert parsed(values) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (VALID, SAMPLED),
        (f"00-{TRACE}-{SPAN}-00", TraceContext(TRACE, SPAN, is_sampled=False)),
        (f"00-{TRACE}-{SPAN}-ff", SAMPLED),
        (f"01-{TRACE}-{SPAN}-01-later", SAMPLED),
    ],
)
def test_a_context_is_read(text: str, expected: TraceContext) -> None:
    assert parsed([text]) == expected


@given(st.lists(st.text() | st.from_regex("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True)))
def test_nothing_is_an_error_and_what_is_read_is_handed_on_in_55_characters(values: list[str]) -> None:
    read = parsed(values)
    assert read is None or (len(str(read)) == 55 and parsed([str(read)]) == read)


def test_without_a_collector_the_context_of_a_caller_is_handed_on() -> None:
    assert (outgoing(), log_fields()) == ((), {})
    with NO_TRACER.span("x", SAMPLED):
        assert outgoing() == (("traceparent", VALID),)
        assert log_fields() == {"trace_id": TRACE}
        with NO_TRACER.span("y", CURRENT.get()):
            assert outgoing() == (("traceparent", VALID),)
    with NO_TRACER.span("x", None):
        assert outgoing() == ()
    assert CURRENT.get() is None


@pytest.mark.parametrize("text", ["", "nothing", VALID])
def test_what_a_job_carries_is_read_as_what_a_caller_sends(text: str) -> None:
    assert carried(text) == parsed([text])


def test_callers_have_so_many_traces_recorded_in_a_second_and_no_more() -> None:
    now = [0.0]
    forced = ForcedTraces(lambda: now[0], lambda: 0.5, 0.1, per_s=3)
    assert [forced.within(SAMPLED) == SAMPLED for _ in range(4)] == [True, True, True, False]
    refused = forced.within(SAMPLED)
    assert refused == TraceContext(TRACE, SPAN, is_sampled=False), "the ids stay"
    now[0] = 1 / 3 + 0.001
    assert [forced.within(SAMPLED) == SAMPLED for _ in range(2)] == [True, False]
    now[0] = 1000.0
    assert [forced.within(SAMPLED) == SAMPLED for _ in range(4)] == [True, True, True, False]


def test_whoever_does_not_force_a_trace_is_not_counted() -> None:
    forced = ForcedTraces(lambda: 0.0, lambda: 0.5, 0.1, per_s=1)
    unsampled = TraceContext(TRACE, SPAN, is_sampled=False)
    assert [forced.within(each) for each in (None, unsampled, None, unsampled, SAMPLED)][-1] == SAMPLED


@pytest.mark.parametrize(("share", "is_sampled"), [(0.0, False), (0.5, False), (0.51, True), (1.0, True)])
def test_beyond_the_limit_the_share_of_the_sampler_is_recorded(share: float, is_sampled: bool) -> None:
    forced = ForcedTraces(lambda: 0.0, lambda: 0.5, share, per_s=0)
    handed = forced.within(SAMPLED)
    assert handed is not None
    assert handed.is_sampled is is_sampled
