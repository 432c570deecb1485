"""The styles of a workbook: fonts and fills that never change, and the number formats of a table's columns.

Both parts are those of openpyxl, to the byte; `theme.xml` is openpyxl's file. Importing openpyxl would take a tenth of
the start of a worker's children.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from services.contract.spec import ColumnSpec
from services.worker.writers.xlsx.cells import MOMENTS, TEXT_FORMAT, number_format

_GENERAL = "General"
_BUILT_IN = {_GENERAL: 0, "0": 1, "0.00": 2, "[h]:mm:ss": 46, TEXT_FORMAT: 49}
"""Numbers that Excel has given to formats. They are not declared."""

_FIRST_OWN = 164
"""The first number for a format that is declared."""

_NO_FONT, _BOLD = 0, 1
_COLORS = (
    "000000 FFFFFF FF0000 00FF00 0000FF FFFF00 FF00FF 00FFFF 000000 FFFFFF FF0000 00FF00 0000FF FFFF00 FF00FF 00FFFF "
    "800000 008000 000080 808000 800080 008080 C0C0C0 808080 9999FF 993366 FFFFCC CCFFFF 660066 FF8080 0066CC CCCCFF "
    "000080 FF00FF FFFF00 00FFFF 800080 800000 008080 0000FF 00CCFF CCFFFF CCFFCC FFFF99 99CCFF FF99CC CC99FF FFCC99 "
    "3366FF 33CCCC 99CC00 FFCC00 FF9900 FF6600 666699 969696 003366 339966 003300 333300 993300 993366 333399 333333"
)
"""The colours that Excel has by number."""

_OPEN = '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
# The schema prescribes the order of a font's children, and that the first fill is "none".
_LOOKS = (
    '<fonts count="2"><font><sz val="11"/><color theme="1"/><name val="Calibri"/><family val="2"/>'
    '<scheme val="minor"/></font><font><b val="1"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
)
_INDEXED = "".join(f'<rgbColor rgb="00{color}"/>' for color in _COLORS.split(" "))
_CLOSE = (
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0" hidden="0"/></cellStyles>'
    '<tableStyles count="0" defaultTableStyle="TableStyleMedium9" defaultPivotStyle="PivotStyleLight16"/>'
    f"<colors><indexedColors>{_INDEXED}</indexedColors></colors></styleSheet>"
)


@dataclass(frozen=True, slots=True)
class Styles:
    """Numbers of cell styles: for the header, for text, and for each column's cells that are not text."""

    header: int
    text: int
    columns: tuple[int, ...]
    _formats: tuple[str, ...]
    _moments: tuple[int, ...]
    _specs: tuple[ColumnSpec, ...]

    def part(self, milliseconds: Collection[int] = ()) -> bytes:
        """Return the styles part.

        Columns at the positions in `milliseconds` show milliseconds, which is known only after all rows.
        """
        moments = [number_format(self._specs[n], milliseconds=n in milliseconds) for n in self._moments]
        return _part(self._formats, moments)


def styles_for(specs: tuple[ColumnSpec, ...]) -> Styles:
    """Return the styles of a table: one for each format, the header's, and one for each column of moments.

    That column has a style of its own, so that its format can be chosen at the end.
    """
    looks = {number_format(spec, milliseconds=ms) for spec in specs for ms in (False, True)}
    formats = (_GENERAL, TEXT_FORMAT, *sorted(looks - {_GENERAL, TEXT_FORMAT}))
    moments = tuple(n for n, spec in enumerate(specs) if spec.type.kind in MOMENTS)
    own = {n: len(formats) + 1 + place for place, n in enumerate(moments)}
    columns = tuple(own.get(n, formats.index(number_format(spec))) for n, spec in enumerate(specs))
    return Styles(len(formats), formats.index(TEXT_FORMAT), columns, formats, moments, specs)


@lru_cache(maxsize=1)
def theme() -> bytes:
    """Return the theme part."""
    return Path(__file__).with_name("theme.xml").read_bytes()


def _part(formats: Sequence[str], moments: Sequence[str]) -> bytes:
    declared = {look: _FIRST_OWN + n for n, look in enumerate(look for look in formats if look not in _BUILT_IN)}
    numbers = _BUILT_IN | declared
    styles = [_style(numbers[look], _NO_FONT) for look in formats] + [_style(0, _BOLD)]
    styles += [_style(numbers[look], _NO_FONT) for look in moments]
    looks = [f'<numFmt numFmtId="{number}" formatCode="{look}"/>' for look, number in declared.items()]
    listed = f'<numFmts count="{len(looks)}">{"".join(looks)}</numFmts>' if looks else '<numFmts count="0"/>'
    cells = f'<cellXfs count="{len(styles)}">{"".join(styles)}</cellXfs>'
    return f"{_OPEN}{listed}{_LOOKS}{cells}{_CLOSE}".encode()


def _style(number: int, font: int) -> str:
    return f'<xf numFmtId="{number}" fontId="{font}" fillId="0" borderId="0" pivotButton="0" quotePrefix="0" xfId="0"/>'
