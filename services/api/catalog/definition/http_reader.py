"""Reads the table that says where the items of an HTTP collection are."""

from collections.abc import Iterable, Iterator

from services.api.catalog.definition import keys
from services.api.catalog.definition.attachment_reader import check_placeholders
from services.api.catalog.model import CatalogColumn
from services.api.catalog.query.parameters import Parameter, read_parameter
from services.api.catalog.violations import Refused
from services.contract.spec import HttpFilter, HttpOrder, HttpPages, Operator, Paging
from services.runtime.nearest import hint
from services.runtime.toml import Mistake, Table

_OPERATORS = {
    "after": Operator.GREATER_OR_EQUAL,
    "before": Operator.LESS_OR_EQUAL,
    "strictly_after": Operator.GREATER,
    "strictly_before": Operator.LESS,
    "lt": Operator.LESS,
    "lte": Operator.LESS_OR_EQUAL,
    "gt": Operator.GREATER,
    "gte": Operator.GREATER_OR_EQUAL,
}


def read_http(code: str, content: object, columns: Iterable[CatalogColumn], mistakes: list[Mistake]) -> HttpPages:
    """Read the table `[collections.CODE.http]`."""
    table = Table(f"[collections.{code}.http]", content, keys.HTTP, mistakes)
    by_field = {c.field: c for c in columns}
    paging = table.choice("paging", [p.value for p in Paging], Paging.LINK.value) or Paging.LINK.value
    pages = HttpPages(
        path=table.text("path"),
        items=table.text("items", ""),
        paging=Paging(paging),
        next=table.text("next", ""),
        parameter=table.text("parameter", ""),
        first_page=table.number("first_page", 1, keys.PAGES),
        size_parameter=table.text("size_parameter", ""),
        page_size=table.number("page_size", 0, range(1, keys.PAGES.stop)),
        total=table.text("total", ""),
        filters=tuple(_filters(table, by_field)),
        order=tuple(_order(table, by_field)),
    )
    _check(table, pages)
    return pages


def _check(table: Table, pages: HttpPages) -> None:
    check_placeholders(table, "path", pages.path)
    if pages.paging in (Paging.CURSOR, Paging.PAGE) and not pages.parameter:
        table.wrong("parameter", f"is missing: paging {pages.paging.value} needs the parameter that takes it")
    if pages.paging is Paging.CURSOR and not pages.next:
        table.wrong("next", "is missing: paging cursor needs to know where the next one is")
    if bool(pages.page_size) != bool(pages.size_parameter):
        table.wrong("page_size", "goes together with size_parameter: give both or none")


def _filters(table: Table, by_field: dict[str, CatalogColumn]) -> Iterator[HttpFilter]:
    for ours, theirs in table.pairs("filters").items():
        try:
            parameter = read_parameter(ours)
        except Refused:
            table.wrong("filters", f'"{ours}" is not a name such as field, field[after] or exists[field]')
            continue
        yield from _filter(table, parameter, theirs, by_field)


def _filter(table: Table, ours: Parameter, theirs: str, by_field: dict[str, CatalogColumn]) -> Iterator[HttpFilter]:
    operators: tuple[Operator, ...]
    match ours.base, ours.brackets:
        case "exists", (field,):
            column = _column(table, "filters", field, by_field)
            operators = (Operator.IS_NULL, Operator.IS_NOT_NULL)
        case field, ():
            column = _column(table, "filters", field, by_field)
            operators = (column.match.operator,) if column else ()
        case field, (operator,) if operator in _OPERATORS:
            column = _column(table, "filters", field, by_field)
            operators = (_OPERATORS[operator],)
        case _:
            table.wrong("filters", f'"{ours.name}" has no operator to pass on; {hint(ours.name, _OPERATORS)}')
            return
    if column:
        ignore_case = not ours.brackets and column.match.ignore_case
        yield from (HttpFilter(column.name, operator, theirs, ignore_case) for operator in operators)


def _order(table: Table, by_field: dict[str, CatalogColumn]) -> Iterator[HttpOrder]:
    for field, theirs in table.pairs("order").items():
        column = _column(table, "order", field, by_field)
        if column:
            yield HttpOrder(column.name, theirs)


def _column(table: Table, key: str, field: str, by_field: dict[str, CatalogColumn]) -> CatalogColumn | None:
    if field not in by_field:
        table.wrong(key, f'"{field}" is not a field; {hint(field, by_field)}')
    return by_field.get(field)
