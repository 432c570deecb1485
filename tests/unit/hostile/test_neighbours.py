"""Small ways around a check, each of which went through once."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from services.api.catalog.model import TenantColumn
from services.api.catalog.tenancy import of_tenant
from services.api.catalog.violations import Violations
from services.api.notify.mail_address import is_mailbox
from services.api.requests.table_options import CsvChoices, Preset, TableChoices
from services.api.rpc import decode
from services.api.storage.sqlite.database import writing_engine
from services.contract.errors import InvalidRequest
from services.contract.formats import Format
from services.contract.spec import ColumnType, Kind
from services.runtime import logs
from services.runtime.addresses import is_public
from services.worker.sources.errors import SourceFailed
from services.worker.writers.csv import guarded
from services.worker.writers.values import Losses
from tests.unit.hostile.parsers import wide_catalog

UUID = "0189d3b0-0000-7000-8000-00000000000a"


@pytest.mark.parametrize(
    "address",
    [
        *("192.88.99.1", "3fff::1", "3fff:fff::1", "192.0.0.9", "192.175.48.1", "192.31.196.1", "192.52.193.1"),
        *("2001:1::1", "2001:4:112::1", "2620:4f:8000::1", "2002:808:808::1", "2001:db8::1", "fec0::1", "224.0.0.1"),
        *(
            "64:ff9b::c058:6301",
            "::ffff:192.88.99.1",
            "64:ff9b:1::1",
            "5f00::1",
            "100::1",
            "::1",
            "0.0.0.0",  # noqa: S104
            "240.0.0.1",
        ),
    ],
)
def test_a_special_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "192.0.1.1", "2003::1"])
def test_an_ordinary_address_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["a@127.0.0.1", "a@1.2", "a@example.0x7f"])
def test_no_mailbox_is_at_a_number(address: str) -> None:
    assert not is_mailbox(address)


@pytest.mark.parametrize(
    "text",
    [f"urn:uuid:{UUID}", f"{{{UUID}}}", UUID.replace("-", ""), UUID.replace("0", "\uff10"), f"{UUID}\n", "0" * 60_000],
)
def test_an_id_has_one_text(text: str) -> None:
    with pytest.raises(InvalidRequest):
        decode.identifier("id", text)
    assert decode.identifier("id", UUID.upper()) == UUID


@pytest.mark.parametrize("text", ["", "msg_", "0" * 60_000, "msg_" + "G" * 32, "msg_" + "0" * 33])
def test_the_id_of_a_delivery_is_checked(text: str) -> None:
    with pytest.raises(InvalidRequest):
        decode.delivery_id(text)


@pytest.mark.parametrize(("tenant", "terms"), [("7", 1), ("07", 0), ("+7", 0), ("-0", 0), ("\uff17", 0), ("a", 0)])
def test_a_tenant_is_the_number_that_it_is_written_as(tenant: str, terms: int) -> None:
    column = TenantColumn("tenant_id", ColumnType(Kind.INTEGER))
    collection = replace(wide_catalog().collections[0], tenant=column)
    assert len([*of_tenant(collection, tenant, Violations())]) == terms


@pytest.mark.parametrize("start", [*"=+-@\t\r\n\0", *"\uff1d\uff0b\uff0d\uff20"])
def test_whatever_begins_a_formula_is_guarded(start: str) -> None:
    assert guarded(pl.Series([f"{start}1+1"]), Losses()).to_list() == [f"'{start}1+1"]


@pytest.mark.parametrize("blanks", ["\ufeff", " ", "\u00a0", " \ufeff  "])
def test_so_is_one_behind_what_a_reader_may_drop(blanks: str) -> None:
    texts = [f"{blanks}=1+1", f"{blanks}a=1", blanks, f"a{blanks}=1"]
    assert guarded(pl.Series(texts), Losses()).to_list() == [f"'{texts[0]}", *texts[1:]]


@pytest.mark.parametrize("null_text", ["=1+1", " =1+1", "\ufeff=1"])
def test_no_null_text_is_a_formula(null_text: str) -> None:
    asked = TableChoices(format=Format.CSV, csv=CsvChoices(null_text=null_text, preset=Preset.EXCEL))
    assert [v.field for v in asked.violations()] == ["csv.null_text"]


def test_what_is_erased_leaves_the_free_pages(tmp_path: Path) -> None:
    with writing_engine(tmp_path / "a.sqlite3").connect() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1


def test_a_log_says_what_went_wrong_without_its_text() -> None:
    try:
        try:
            raise ValueError("Original Line: 4111 1111 1111 1111")  # noqa: TRY301
        except ValueError as cause:
            raise SourceFailed("RELATION_INVALID", "a file cannot be read") from cause
    except SourceFailed as failed:
        told = logs.outline(failed)
    assert [line.partition(" at ")[0] for line in told] == [
        "services.worker.sources.errors.SourceFailed",
        "builtins.ValueError",
    ]
    assert "4111" not in str(told)
