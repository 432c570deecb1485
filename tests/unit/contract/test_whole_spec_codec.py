"""Any specification reads back as it was: no field is lost, swapped or taken for another."""

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract import formats, spec
from services.contract.codec import spec_from_bytes, spec_to_bytes
from tests.budget import examples

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KINDS = st.sampled_from(spec.Kind)
TYPES = st.one_of(
    KINDS.filter(lambda kind: kind is not spec.Kind.DECIMAL).map(spec.ColumnType),
    st.builds(
        lambda scale, more: spec.ColumnType(spec.Kind.DECIMAL, scale + more, scale),
        st.integers(0, 19),
        st.integers(1, 19),
    ),
)
st.register_type_strategy(str, TEXT)
st.register_type_strategy(int, st.integers(0, 2**31 - 1))
st.register_type_strategy(float, st.floats(allow_nan=False))
st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
st.register_type_strategy(
    spec.Relation,
    st.one_of(
        st.builds(spec.Relation, table=NAME),
        st.builds(spec.Relation, query=NAME),
        st.builds(spec.Relation, path=NAME),
        st.builds(spec.Relation, http=st.from_type(spec.HttpPages)),
    ),
)
st.register_type_strategy(timedelta, st.timedeltas(timedelta(), timedelta(days=999)))
st.register_type_strategy(spec.ColumnType, TYPES)
st.register_type_strategy(
    spec.SourceRef,
    st.builds(spec.SourceRef, TEXT, st.sampled_from(["sql", "parquet", "csv", "http", "folder", "object"])),
)


@pytest.mark.slow
@settings(max_examples=examples(150))
@given(st.from_type(spec.JobSpec))
def test_any_spec_reads_back(frozen: spec.JobSpec) -> None:
    assert spec_from_bytes(spec_to_bytes(frozen)) == frozen


def test_a_key_of_blobs_keeps_its_two_columns_apart() -> None:
    blob = spec.Blob(spec.Relation(table="contents"), "content", (spec.BlobKey("of_blob", "of_row"),))
    attachment = spec.AttachmentSpec("pdf", spec.SourceRef("shop", "sql"), "{number}.pdf", blob)
    frozen = dataclasses.replace(MINIMAL, attachments=(attachment,))
    assert spec_from_bytes(spec_to_bytes(frozen)).attachments == (attachment,)


MINIMAL = spec.JobSpec(
    collection="Invoices",
    source=spec.SourceRef("shop", "sql"),
    relation=spec.Relation(table="invoice"),
    key=("id",),
    columns=(spec.ColumnSpec("id", "id", "Id", spec.ColumnType(spec.Kind.TEXT)),),
    order=(spec.OrderTerm("id"),),
    table=spec.TableOptions(formats.Format.CSV),
    table_name="invoices",
)
