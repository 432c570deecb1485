"""The styles, the theme and the letters of columns are those of openpyxl, to the byte."""

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from openpyxl.utils import get_column_letter

from services.contract.spec import ColumnSpec, ColumnType, Kind
from services.worker.writers.xlsx.cells import MOMENTS, TEXT_FORMAT, number_format
from services.worker.writers.xlsx.letters import column_letters
from services.worker.writers.xlsx.limits import MAX_SHEET_COLUMNS
from services.worker.writers.xlsx.styles import Styles, styles_for, theme
from tests.reference.openpyxl_styles import styles_part, theme_part

TYPES = st.sampled_from([ColumnType(kind) for kind in Kind if kind is not Kind.DECIMAL]) | st.builds(
    ColumnType, st.just(Kind.DECIMAL), st.just(38), st.integers(0, 38)
)


@given(st.lists(TYPES, max_size=12))
@settings(deadline=None, max_examples=60)
def test_the_part_is_that_of_openpyxl_before_the_styles_of_moments(types: list[ColumnType]) -> None:
    specs = tuple(ColumnSpec(f"c{n}", f"c{n}", f"c{n}", type_) for n, type_ in enumerate(types))
    others = {number_format(spec, milliseconds=ms) for spec in specs for ms in (False, True)}
    formats = ["General", TEXT_FORMAT, *sorted(others - {"General", TEXT_FORMAT})]
    part = styles_for(specs).part().decode()
    reference = styles_part(formats).decode()
    moments = sum(spec.type.kind in MOMENTS for spec in specs)
    end = reference.index("</cellXfs>")
    assert part[: part.index("<cellXfs")] == reference[: reference.index("<cellXfs")]
    assert part[part.index("</cellXfs>") :] == reference[end:]
    assert _cell_styles(part)[: len(formats) + 1] == _cell_styles(reference)
    assert len(_cell_styles(part)) == len(formats) + 1 + moments
    assert f'<cellXfs count="{len(formats) + 1 + moments}">' in part


@given(st.lists(TYPES, max_size=12), st.data())
@settings(deadline=None, max_examples=60)
def test_each_column_has_the_style_with_its_format(types: list[ColumnType], data: st.DataObject) -> None:
    specs = tuple(ColumnSpec(f"c{n}", f"c{n}", f"c{n}", type_) for n, type_ in enumerate(types))
    shown = data.draw(st.sets(st.sampled_from(range(len(specs))))) if specs else set()
    styles = styles_for(specs)
    looks = [number_format(spec, milliseconds=n in shown) for n, spec in enumerate(specs)]
    assert [_format(styles, number, shown) for number in styles.columns] == looks
    assert _format(styles, styles.text, shown) == TEXT_FORMAT


def _cell_styles(part: str) -> list[str]:
    return [
        etree.tostring(style, encoding="unicode")
        for style in etree.fromstring(part.encode()).iterfind("{*}cellXfs/{*}xf")
    ]


def _format(styles: Styles, number: int, shown: set[int]) -> str:
    """Return the format that a cell with this style has, as a reader of the part finds it."""
    tree = etree.fromstring(styles.part(shown))
    own = {one.get("numFmtId"): one.get("formatCode") for one in tree.iterfind("{*}numFmts/{*}numFmt")}
    built_in = {"0": "General", "1": "0", "2": "0.00", "46": "[h]:mm:ss", "49": "@"}
    name = tree.findall("{*}cellXfs/{*}xf")[number].get("numFmtId")
    return str((built_in | own)[name])


def test_the_theme_is_that_of_openpyxl() -> None:
    assert theme() == theme_part()


def test_every_column_of_a_sheet_has_its_letters() -> None:
    places = range(1, MAX_SHEET_COLUMNS + 1)
    assert [column_letters(n) for n in places] == [get_column_letter(n) for n in places]
