from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.spec import ColumnSpec, ColumnType, Kind
from services.worker.writers.values import CannotWrite, Cells, Losses, plain_text
from tests.budget import examples

ZONES = ["UTC", "Europe/Madrid", "America/Mexico_City", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Monrovia"]


def text_of(kind: Kind, values: list, time_zone: str = "UTC") -> list[str]:
    column = ColumnSpec("x", "x", "When", ColumnType(kind))
    return plain_text(Cells(column, pl.Series(pl.from_arrow(pa.array(values))), 1), time_zone, Losses()).to_list()


def instants(*values: datetime) -> pa.Array:
    return pa.array(values, pa.timestamp("us", "UTC"))


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "2026-07-01T10:00:00Z"),
        ("Asia/Kolkata", "2026-07-01T15:30:00+05:30"),
        ("America/New_York", "2026-07-01T06:00:00-04:00"),
    ],
)
def test_timestamps_carry_the_offset_of_their_zone(zone, text):
    assert text_of(Kind.TIMESTAMP, instants(datetime(2026, 7, 1, 10, tzinfo=UTC)), zone) == [text]


def test_fractions_of_a_second_appear_only_where_there_are_some():
    base = datetime(2026, 1, 1, tzinfo=UTC)
    moments = instants(base, base + timedelta(milliseconds=5), base + timedelta(microseconds=5))
    assert text_of(Kind.TIMESTAMP, moments) == [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.005Z",
        "2026-01-01T00:00:00.000005Z",
    ]


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(200))
@given(moment=st.datetimes(datetime(2, 1, 1), datetime(2099, 12, 31)), zone=st.sampled_from(ZONES))  # noqa: DTZ001
def test_a_timestamp_is_the_same_instant_and_the_local_time_that_zoneinfo_says(moment, zone):
    moment = moment.replace(tzinfo=UTC)
    found = datetime.fromisoformat(text_of(Kind.TIMESTAMP, instants(moment), zone)[0])
    local = moment.astimezone(ZoneInfo(zone))
    assert found == moment
    offset = local.utcoffset()
    assert abs(found.utcoffset() - offset) < timedelta(minutes=1)
    if offset % timedelta(minutes=1) == timedelta(0):
        assert found.replace(tzinfo=None) == local.replace(tzinfo=None)


def test_durations_are_iso_8601():
    values = [timedelta(0), timedelta(hours=1, minutes=30), -timedelta(days=1, seconds=1.5), None]
    texts = text_of(Kind.DURATION, pa.array(values, pa.duration("us")))
    assert texts == ["PT0S", "PT1H30M", "-P1DT1.5S", None]


@pytest.mark.parametrize(
    ("kind", "array"),
    [
        (Kind.DATE, pa.array([0, 2**31 - 1], pa.int32()).cast(pa.date32())),
        (Kind.TIMESTAMP, pa.array([0, 2**63 - 1], pa.int64()).cast(pa.timestamp("us", "UTC"))),
        (Kind.TIMESTAMP, pa.array([0, -(2**63) + 1], pa.int64()).cast(pa.timestamp("us", "UTC"))),
    ],
)
def test_dates_beyond_all_calendars_are_refused_by_row_and_column(kind, array):
    with pytest.raises(CannotWrite, match="row 2, column When") as refused:
        text_of(kind, array)
    assert refused.value.code == "DATE_OUT_OF_RANGE"


def test_years_of_five_digits_have_a_sign():
    assert text_of(Kind.DATE, pa.array([2_932_897], pa.int32()).cast(pa.date32())) == ["+10000-01-01"]


@settings(deadline=None, max_examples=examples(60))
@given(
    moments=st.lists(
        st.none()
        | st.datetimes(datetime(1960, 1, 1), datetime(2040, 12, 31)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001
        min_size=1,
        max_size=40,
    ),
    fraction=st.booleans(),
)
def test_many_timestamps_are_written_as_each_alone(moments, fraction):
    values = [at and at.replace(tzinfo=UTC) for at in moments]
    if fraction:
        values.append(datetime(2026, 1, 1, 0, 0, 0, 5000, tzinfo=UTC))
    for zone in ("UTC", "Asia/Kolkata"):
        together = text_of(Kind.TIMESTAMP, pa.array(values, pa.timestamp("us", "UTC")), zone)
        assert together == [
            text_of(Kind.TIMESTAMP, pa.array([at], pa.timestamp("us", "UTC")), zone)[0] for at in values
        ]
        whole = [at.isoformat().replace("+00:00", "Z") for at in values if at and not at.microsecond]
        assert zone != "UTC" or [text for text in together if text and "." not in text] == whole


@pytest.mark.parametrize("year", [-5000, -1, 0, 9999, 10_000, 250_000])
def test_timestamps_of_any_year_are_those_that_polars_writes(year):
    days = (year - 1970) * 365
    moments = pl.Series([days * 86_400_000_000, days * 86_400_000_000 + 1_000_000])
    column = ColumnSpec("x", "x", "When", ColumnType(Kind.TIMESTAMP))
    cells = Cells(column, moments.cast(pl.Datetime("us", "UTC")), 1)
    expected = moments.cast(pl.Datetime("us")).dt.to_string("%Y-%m-%dT%H:%M:%SZ").to_list()
    assert plain_text(cells, "UTC", Losses()).to_list() == expected
