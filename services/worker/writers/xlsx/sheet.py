"""The XML around the rows of a sheet: views, widths and header before them, the filter after them."""

from dataclasses import dataclass

from services.contract.formats import XlsxLayout
from services.worker.writers.xlsx.letters import column_letters
from services.worker.writers.xlsx.rows import TEXT_CLOSE, text_open, xml_text

_OPEN = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
)
_FROZEN = (
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    '<selection pane="bottomLeft" activeCell="A2" sqref="A2"/>'
)


@dataclass(frozen=True, slots=True)
class SheetFrame:
    """The frame of all sheets of a table. `headers` are escaped for cells and have the style `header_style`."""

    headers: tuple[str, ...]
    header_style: int
    layout: XlsxLayout

    def opening(self, widths: list[int], *, first: bool) -> bytes:
        """Return the XML before the rows. Of several sheets only the first is selected."""
        header = f"<row>{self._header()}</row>" if self.layout.compact else f'<row r="1">{self._header()}</row>'
        return f"{_OPEN}{self._view(first=first)}{_cols(widths)}<sheetData>{header}".encode()

    def closing(self, rows: int) -> bytes:
        """Return the XML after the rows. `rows` is their number including the header."""
        filtered = self.filtered(rows).replace("$", "")
        auto_filter = f'<autoFilter ref="{filtered}"/>' if filtered else ""
        return f"</sheetData>{auto_filter}</worksheet>".encode()

    def filtered(self, rows: int) -> str:
        """Return the range of the filter (`$A$1:$J$100`); empty when there is none."""
        if not self.layout.autofilter or not self.headers:
            return ""
        return f"$A$1:${column_letters(len(self.headers))}${rows}"

    def _view(self, *, first: bool) -> str:
        selected = ' tabSelected="1"' if first else ""
        pane = _FROZEN if self.layout.freeze_header else ""
        return f'<sheetViews><sheetView{selected} workbookViewId="0">{pane}</sheetView></sheetViews>'

    def _header(self) -> str:
        return "".join(self._header_cell(n, text) for n, text in enumerate(self.headers, 1))

    def _header_cell(self, number: int, text: str) -> str:
        reference = "" if self.layout.compact else f' r="{column_letters(number)}1"'
        edges = text != text.strip()
        return f"<c{reference}{text_open(self.header_style, edges=edges)}{xml_text(text)}{TEXT_CLOSE}"


def _cols(widths: list[int]) -> str:
    cols = "".join(f'<col min="{n}" max="{n}" width="{w}" customWidth="1"/>' for n, w in enumerate(widths, 1))
    return f"<cols>{cols}</cols>" if cols else ""
