"""docs/traces.md has each span and each attribute, and no other."""

import re
from pathlib import Path

import pytest
from opentelemetry import semconv

from services.runtime.tracing.words import Attribute, SpanName

PAGE = (Path(__file__).parents[2] / "docs" / "traces.md").read_text()
_CELL = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)


def listed(section: str) -> list[str]:
    table = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [name.strip("`") for cell in _CELL.findall(table) for name in cell.split(", ")]


@pytest.mark.parametrize(("section", "words"), [("Spans", SpanName), ("Attributes", Attribute)])
def test_a_table_has_all_names_of_the_code(section: str, words: type[SpanName] | type[Attribute]) -> None:
    assert sorted(listed(section)) == sorted(words)


def test_names_that_are_not_exportds_are_those_of_the_conventions() -> None:
    folder = Path(semconv.__path__[0])
    conventions = "".join(path.read_text() for path in folder.rglob("*_attributes.py"))
    foreign = [name for name in Attribute if not name.startswith("exportd.")]
    assert len(foreign) > 10
    for name in foreign:
        known = re.search(rf'Final = "{re.escape(name)}"\n("""\n.*)?', conventions)
        assert known, name
        assert "Deprecated: " not in (known[1] or ""), name
