"""A format of a table is known wherever it has to be."""

import typing

import pytest

from exportd.v1 import export_pb2
from exportd_client.conversions import FormatName
from exportd_client.enums import names_of
from services.contract.formats import KINDS, Format
from services.contract.spec import ColumnSpec, ColumnType, Kind, TableOptions
from services.worker.writers.registry import open_writer
from tests.docs import pages

COLUMNS = (ColumnSpec("a", "a", "A", ColumnType(Kind.TEXT)),)


@pytest.mark.parametrize("name", Format.__members__)
def test_every_format_is_known_everywhere(name: str, tmp_path) -> None:
    with (tmp_path / "table").open("wb") as file:
        writer = open_writer(TableOptions(Format[name]), file, COLUMNS, "t")
        if writer is not None:  # mypy sees that each format has one; a test need not run it
            writer.close()
    known = {
        "Format in proto/exportd/v1/export.proto": name in names_of(export_pb2.Format),
        "KINDS in services/contract/formats.py": Format[name] in KINDS,
        "services/worker/writers/registry.py": writer is not None,
        "FormatName of the client": name.lower() in typing.get_args(FormatName),
        "docs/formats.md": f" {name.lower()}" in pages.text_of("docs/formats.md").partition("## XLSX")[0].lower(),
    }
    assert [place for place, knows in known.items() if not knows] == []
