# ruff: noqa: SIM905 - as text they can be compared with the schema at a glance
"""The order of elements that the schema of SpreadsheetML asks for (ECMA-376, part 1, annex A)."""

WORKSHEET = (
    "sheetPr dimension sheetViews sheetFormatPr cols sheetData sheetCalcPr sheetProtection protectedRanges scenarios "
    "autoFilter sortState dataConsolidate customSheetViews mergeCells phoneticPr conditionalFormatting dataValidations "
    "hyperlinks printOptions pageMargins pageSetup headerFooter rowBreaks colBreaks customProperties cellWatches "
    "ignoredErrors smartTags drawing legacyDrawing legacyDrawingHF picture oleObjects controls webPublishItems "
    "tableParts extLst"
).split()
WORKBOOK = (
    "fileVersion fileSharing workbookPr workbookProtection bookViews sheets functionGroups externalReferences "
    "definedNames calcPr oleSize customWorkbookViews pivotCaches extLst"
).split()
STYLES = ("numFmts fonts fills borders cellStyleXfs cellXfs cellStyles dxfs tableStyles colors extLst").split()
FONT = ("b i strike condense extend outline shadow u vertAlign sz color name family charset scheme").split()


def in_order(tags: list[str], order: list[str]) -> bool:
    """Whether every tag is of the order, comes once, and in its place."""
    places = [order.index(tag) if tag in order else -1 for tag in tags]
    return -1 not in places and places == sorted(set(places))
