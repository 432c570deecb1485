"""Faults of the styles of a workbook: what Excel needs to be there, and references that lead nowhere."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from tests.linters.element_order import FONT, STYLES, in_order
from tests.linters.fault import Fault

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_REQUIRED = ("fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles")
_FIRST_OWN_FORMAT = 164
_REFERENCES = {"fontId": "fonts", "fillId": "fills", "borderId": "borders", "xfId": "cellStyleXfs"}


def style_faults(root: ET.Element) -> tuple[int, list[Fault]]:
    """The number of cell formats, and every fault."""
    parts = {child.tag.removeprefix(MAIN): child for child in root}
    return len(parts.get("cellXfs", ())), list(_faults(root, parts))


def _faults(root: ET.Element, parts: dict[str, ET.Element]) -> Iterator[Fault]:
    yield from _order_faults("style-order", root, STYLES)
    for name in _REQUIRED:
        if not len(parts.get(name, ())):
            yield Fault("style-missing", name)
    for name, part in parts.items():
        if part.get("count", str(len(part))) != str(len(part)):
            yield Fault("style-count", name)
    for font in parts.get("fonts", ()):
        yield from _order_faults("style-font-order", font, FONT)
    fills = [fill.get("patternType") for fill in root.iterfind(f"{MAIN}fills/{MAIN}fill/{MAIN}patternFill")]
    if fills[:2] not in (["none", "gray125"], [None, "gray125"]):
        yield Fault("style-fills", str(fills[:2]))
    yield from _normal_faults(parts)
    yield from _reference_faults(parts)


def _normal_faults(parts: dict[str, ET.Element]) -> Iterator[Fault]:
    """Normal is there, and the first cell format is the default."""
    styles = [(style.get("name"), style.get("builtinId")) for style in parts.get("cellStyles", ())]
    if ("Normal", "0") not in styles:
        yield Fault("style-normal", str(styles))
    first = next(iter(parts.get("cellXfs", ())), None)
    if first is not None and any(first.get(name, "0") != "0" for name in ("numFmtId", *_REFERENCES)):
        yield Fault("style-default", str(first.attrib))


def _reference_faults(parts: dict[str, ET.Element]) -> Iterator[Fault]:
    own = [int(item.get("numFmtId", "-1")) for item in parts.get("numFmts", ())]
    if len(set(own)) != len(own) or any(number < _FIRST_OWN_FORMAT for number in own):
        yield Fault("style-number-format", str(own))
    for kind in ("cellStyleXfs", "cellXfs"):
        for xf in parts.get(kind, ()):
            number = int(xf.get("numFmtId", "0"))
            if number >= _FIRST_OWN_FORMAT and number not in own:
                yield Fault("style-number-format", f"{number} is not defined")
            for name, part in _REFERENCES.items():
                if int(xf.get(name, "0")) >= len(parts.get(part, ())):
                    yield Fault("style-reference", f"{name} {xf.get(name)}")


def _order_faults(rule: str, parent: ET.Element, order: list[str]) -> Iterator[Fault]:
    tags = [child.tag.removeprefix(MAIN) for child in parent]
    if not in_order(tags, order):
        yield Fault(rule, " ".join(tags))
