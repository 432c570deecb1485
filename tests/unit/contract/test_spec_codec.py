"""A spec is stored as bytes: what is read back is what was frozen, and specs of earlier versions still read."""

from dataclasses import replace

import pytest

from exportd.queue.v1 import job_spec_pb2 as pb
from services.contract.codec import spec_from_bytes, spec_from_pb, spec_to_bytes, spec_to_pb
from services.contract.formats import Format
from services.contract.spec import (
    All,
    ColumnSpec,
    ColumnType,
    JobSpec,
    Kind,
    Limits,
    Mask,
    Operator,
    OrderTerm,
    Page,
    ReadingMode,
    Relation,
    SourceRef,
    TableOptions,
    Term,
)

TEXT = ColumnType(Kind.TEXT)
SPEC = JobSpec(
    collection="Invoices",
    source=SourceRef("cfdi", "sql"),
    relation=Relation(table="invoice"),
    key=("id",),
    columns=(ColumnSpec("rfc", "rfc", "RFC", TEXT),),
    order=(OrderTerm("id"),),
    table=TableOptions(Format.CSV),
    table_name="invoices",
)


def stored(spec: JobSpec) -> JobSpec:
    return spec_from_bytes(spec_to_bytes(spec))


@pytest.mark.parametrize("operator", Operator)
def test_every_operator_is_kept(operator: Operator) -> None:
    values = () if operator in (Operator.IS_NULL, Operator.IS_NOT_NULL) else ("a%", "_b")
    for more in ({}, {"ignore_case": True}, {"or_null": True}):
        spec = replace(SPEC, filter=All((Term("rfc", TEXT, operator, values, **more),)))
        assert stored(spec) == spec


@pytest.mark.parametrize("mask", [None, *Mask])
def test_every_mask_is_kept(mask: Mask | None) -> None:
    spec = replace(SPEC, columns=(ColumnSpec("rfc", "rfc", "RFC", TEXT, mask),))
    assert stored(spec) == spec


@pytest.mark.parametrize("reading", ReadingMode)
def test_reading_limits_page_and_nulls_are_kept(reading: ReadingMode) -> None:
    order = (OrderTerm("total", descending=True, nulls_first=True), OrderTerm("id"))
    spec = replace(SPEC, order=order, reading=reading, limits=Limits(max_rows=2**40, max_snapshot_s=900))
    assert stored(spec) == spec
    assert stored(replace(spec, page=Page(offset=0, limit=1))).page == Page(0, 1)


def test_limits_and_page_that_are_absent_are_none() -> None:
    message = spec_to_pb(replace(SPEC, filter=All((Term("rfc", TEXT, Operator.EQUALS, ("a",)),))))
    for later in ("limits", "page"):
        message.ClearField(later)
    assert spec_from_pb(message) == replace(SPEC, filter=All((Term("rfc", TEXT, Operator.EQUALS, ("a",)),)))


def test_what_a_later_version_says_is_not_guessed() -> None:
    message = spec_to_pb(SPEC)
    message.columns[0].mask = 99  # type: ignore[assignment]
    with pytest.raises(ValueError, match="99"):
        spec_from_pb(pb.JobSpec.FromString(message.SerializeToString()))
