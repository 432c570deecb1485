"""The meaning of each parameter of a query: one handler for each word and each operator, in two tables.

    query      = param { "&" param }          an empty param is dropped; the first "=" splits; "+" is a space;
                                              both sides percent-decoded; brackets may be encoded
    equals     = prop "=" value | prop "[]=" value           several: any of them
    date       = prop "[" ("after" | "before" | "strictly_after" | "strictly_before") "]=" datetime
    range      = prop "[" ("lt" | "lte" | "gt" | "gte") "]=" value | prop "[between]=" number ".." number
    exists     = "exists[" prop "]" [ "=" ("true" | "1" | "" | "false" | "0") ]
    order      = "order[" prop "]=" ("asc" | "desc")         any case; in order of appearance
    properties = "properties[]=" prop | "properties[" rel "]" { "[" rel "]" } [ "[]" ] "=" prop
    paging     = "page=" number | "itemsPerPage=" number
    prop       = ident { "." ident }

All parameters must hold; of a parameter that is given several times, any value may match. The catalog says what a
property allows and how text is compared.
"""

from collections.abc import Callable

from services.api.catalog.model import CatalogColumn, PathParameter
from services.api.catalog.query.conditions import Condition
from services.api.catalog.query.parameters import Parameter
from services.api.catalog.query.reading import Reading, value_of
from services.api.catalog.query.reserved import WORDS
from services.api.catalog.query.values import is_bare_date, write_value
from services.api.catalog.violations import AlwaysRefused, Refused
from services.contract.codes import WarningCode
from services.contract.spec import All, Kind, Operator, Term, Value
from services.runtime.nearest import shown

DATES = frozenset({Kind.DATE, Kind.TIMESTAMP})
NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})


def take(reading: Reading, parameter: Parameter) -> None:
    """Add the meaning of `parameter` to `reading`. Raises Refused."""
    of_path = next((p for p in reading.collection.parameters if p.name == parameter.base), None)
    if parameter.base in WORDS:
        WORDS[parameter.base](reading, parameter)
    elif of_path:
        _path_parameter(reading, of_path, parameter)
    else:
        _property(reading, parameter, _filterable(reading, parameter.base))


def _path_parameter(reading: Reading, of_path: PathParameter, parameter: Parameter) -> None:
    if reading.path is not None:
        raise Refused(f"{of_path.name} is given by the path; leave it out of the query")
    if parameter.brackets:
        raise AlwaysRefused(f"{of_path.name} is a parameter of the path and has one value: write {of_path.name}=…")
    reading.bind(of_path, value_of(parameter))


def _filterable(reading: Reading, name: str) -> CatalogColumn:
    if name not in reading.columns:
        of_path = [p.name for p in reading.collection.parameters] if reading.path is None else []
        names = [*of_path, *(c.field for c in reading.collection.columns if c.filter), *WORDS]
        raise Refused(f"unknown property {shown(name)}: {reading.hint(name, names)}")
    return reading.property(name, lambda c: c.filter, "cannot be filtered by")


def _property(reading: Reading, parameter: Parameter, column: CatalogColumn) -> None:
    match parameter.brackets:
        case () | ("",):
            _equals(reading, parameter, column)
        case (operator,) if operator in OPERATORS:
            OPERATORS[operator](reading, parameter, column)
        case (number,) if number.isdecimal():
            raise Refused(f"unknown operator {shown(number)}: several values are written {parameter.base}[]=…")
        case (operator,):
            raise Refused(f"unknown operator {shown(operator)}: {reading.hint(operator, [*OPERATORS])}")
        case _:
            raise Refused("an array is given where one value is expected: write property[operator]=value")


def _equals(reading: Reading, parameter: Parameter, column: CatalogColumn) -> None:
    """Compare text as the catalog says; compare other values for equality."""
    value = reading.read(column, value_of(parameter))
    match = column.match
    term = Term(column.name, column.type, match.operator, (value,), ignore_case=match.ignore_case)
    reading.conditions.append(Condition(parameter.base, write_value(value), column.name, term))


# ---- operators: property[operator]=value

Handler = Callable[[Reading, Parameter, CatalogColumn], None]


def _date(operator: Operator) -> Handler:
    def read(reading: Reading, parameter: Parameter, column: CatalogColumn) -> None:
        if column.type.kind not in DATES:
            raise Refused(f"{parameter.brackets[0]} is for dates and times, and {column.field} is {column.type}")
        earlier = operator in (Operator.LESS, Operator.LESS_OR_EQUAL)
        or_null = column.include_null_before if earlier else column.include_null_after
        _compare(reading, parameter, column, operator, or_null=or_null)

    return read


def _range(operator: Operator) -> Handler:
    def read(reading: Reading, parameter: Parameter, column: CatalogColumn) -> None:
        if column.type.kind is Kind.BOOLEAN:
            raise Refused(f"{parameter.brackets[0]} compares sizes, and {column.field} is boolean")
        _compare(reading, parameter, column, operator, or_null=False)

    return read


def _compare(
    reading: Reading, parameter: Parameter, column: CatalogColumn, operator: Operator, *, or_null: bool
) -> None:
    text = value_of(parameter)
    value = reading.read(column, text)
    term = Term(column.name, column.type, operator, (value,), or_null=or_null)
    reading.conditions.append(Condition(parameter.name, write_value(value), column.name, term))
    if operator is Operator.LESS_OR_EQUAL and column.type.kind is Kind.TIMESTAMP and is_bare_date(text):
        reading.warn(WarningCode.BARE_DATE_IN_BEFORE, _bare_date(parameter, value))


def _bare_date(parameter: Parameter, value: Value) -> str:
    return (
        f"{parameter.name}={parameter.value} means {write_value(value)}, the very beginning of that day: "
        f"nearly all of it is left out; to include it, give {parameter.base}[strictly_before] the day after"
    )


def _between(reading: Reading, parameter: Parameter, column: CatalogColumn) -> None:
    if column.type.kind not in NUMBERS:
        raise Refused(f"between is for numbers, and {column.field} is {column.type}")
    match value_of(parameter).split(".."):
        case [lower, upper]:
            least, most = reading.read(column, lower), reading.read(column, upper)
        case _:
            raise Refused(f"{shown(value_of(parameter)) or 'an empty value'} is not two numbers: write 9.99..15.99")
    terms = (
        Term(column.name, column.type, Operator.GREATER_OR_EQUAL, (least,)),
        Term(column.name, column.type, Operator.LESS_OR_EQUAL, (most,)),
    )
    text = f"{write_value(least)}..{write_value(most)}"
    reading.conditions.append(Condition(parameter.name, text, column.name, All(terms)))


OPERATORS: dict[str, Handler] = {
    "after": _date(Operator.GREATER_OR_EQUAL),
    "before": _date(Operator.LESS_OR_EQUAL),
    "strictly_after": _date(Operator.GREATER),
    "strictly_before": _date(Operator.LESS),
    "lt": _range(Operator.LESS),
    "lte": _range(Operator.LESS_OR_EQUAL),
    "gt": _range(Operator.GREATER),
    "gte": _range(Operator.GREATER_OR_EQUAL),
    "between": _between,
}
