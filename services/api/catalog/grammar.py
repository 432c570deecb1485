"""What each parameter of a query means: one handler a word and one an operator, in two tables.

    query  = param { "&" param }              an empty param is dropped; the first "=" splits; "+" is a space;
                                              both sides percent-decoded; brackets may be encoded
    date   = prop "[" ("after" | "before" | "strictly_after" | "strictly_before") "]=" datetime
    equals = prop "=" value | prop "[]=" value               several: any of them
    order  = "order[" prop "]=" ("asc" | "desc")             any case; in order of appearance
    prop   = ident { "." ident }

Different parameters must all hold; of one that is given several times, any. The rest of the grammar (ranges, exists,
properties, pages) is known and refused by name. Nothing is ever ignored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from services.api.catalog.conditions import Condition
from services.api.catalog.model import CatalogColumn, Collection, FieldOrder, PathParameter
from services.api.catalog.nearest import hint, listed, shown
from services.api.catalog.parameters import Parameter
from services.api.catalog.values import is_bare_date, read_value, write_value
from services.api.catalog.violations import Refused
from services.contract.outcome import ExportWarning
from services.contract.spec import Kind, Operator

BARE_DATE_IN_BEFORE = "BARE_DATE_IN_BEFORE"


@dataclass(slots=True)
class Reading:
    """One query while it is read. `path` has the path parameters' texts; None: the query gives them by name."""

    collection: Collection
    path: Mapping[str, str] | None
    time_zone: tzinfo
    bound: list[Condition] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    order: list[FieldOrder] = field(default_factory=list)
    warnings: dict[ExportWarning, None] = field(default_factory=dict)

    def column(self, name: str) -> CatalogColumn | None:
        """The one with this field; None: there is none."""
        return next((c for c in self.collection.columns if c.field == name), None)

    def compare(self, name: str, column: CatalogColumn, operator: Operator, text: str) -> Condition:
        """Add a condition. Refuses a value that is not of the column's type."""
        value = read_value(column.type, text, self.time_zone)
        condition = Condition(name, column.name, column.type, operator, value)
        self.conditions.append(condition)
        return condition

    def bind(self, of_path: PathParameter, text: str) -> None:
        """Bind a path parameter. Refuses a second value, and one that is not of its type."""
        if any(c.name == of_path.name for c in self.bound):
            raise Refused(f"{of_path.name} is given twice; give it once")
        if not text:
            raise Refused(f"{of_path.name} is empty; write {of_path.name}=…")
        value = read_value(of_path.type, text, self.time_zone)
        self.bound.append(Condition(of_path.name, of_path.column, of_path.type, Operator.EQUALS, value))


def take(reading: Reading, parameter: Parameter) -> None:
    """Add what `parameter` means to `reading`. Raises Refused."""
    of_path = next((p for p in reading.collection.parameters if p.name == parameter.base), None)
    if parameter.base in _WORDS:
        _WORDS[parameter.base](reading, parameter)
    elif of_path:
        _path_parameter(reading, of_path, parameter)
    else:
        _property(reading, parameter, _filterable(reading, parameter.base))


def _path_parameter(reading: Reading, of_path: PathParameter, parameter: Parameter) -> None:
    if reading.path is not None:
        raise Refused(f"{of_path.name} is given by the path; leave it out of the query")
    if parameter.brackets:
        raise Refused(f"{of_path.name} is a parameter of the path and has one value: write {of_path.name}=…")
    reading.bind(of_path, _value(parameter))


def _property(reading: Reading, parameter: Parameter, column: CatalogColumn) -> None:
    match parameter.brackets:
        case () | ("",):
            reading.compare(parameter.base, column, Operator.EQUALS, _value(parameter))
        case (operator,) if operator in _OPERATORS:
            _OPERATORS[operator](reading, parameter, column)
        case (operator,):
            raise Refused(f"unknown operator {shown(operator)}: {hint(operator, _OPERATORS)}")
        case _:
            raise Refused("an array stands where one value is meant: write property[operator]=value")


def _filterable(reading: Reading, name: str) -> CatalogColumn:
    column = reading.column(name)
    names = [c.field for c in reading.collection.columns if c.filter]
    if column is None:
        of_path = [p.name for p in reading.collection.parameters] if reading.path is None else []
        raise Refused(f"unknown property {shown(name)}: {hint(name, [*of_path, *names, *_WORDS_HONOURED])}")
    if not column.filter:
        raise Refused(f"{name} cannot be filtered by; these can: {listed(names)}")
    if reading.path is not None and any(c.column == column.name for c in reading.bound):
        raise Refused(f"{name} is given by the path; leave it out of the query")
    return column


def _value(parameter: Parameter) -> str:
    if parameter.value is None:
        raise Refused(f"it has no value: write {shown(parameter.name)}=…")
    return parameter.value


# ---- operators: property[operator]=value


def _date(operator: Operator) -> Callable[[Reading, Parameter, CatalogColumn], None]:
    def read(reading: Reading, parameter: Parameter, column: CatalogColumn) -> None:
        if column.type.kind not in {Kind.DATE, Kind.TIMESTAMP}:
            raise Refused(f"{parameter.brackets[0]} is for dates and times, and {column.field} is {column.type}")
        text = _value(parameter)
        condition = reading.compare(parameter.name, column, operator, text)
        if operator is Operator.LESS_OR_EQUAL and column.type.kind is Kind.TIMESTAMP and is_bare_date(text):
            reading.warnings[_bare_date(parameter, condition)] = None

    return read


def _bare_date(parameter: Parameter, condition: Condition) -> ExportWarning:
    message = (
        f"{parameter.name}={parameter.value} means {write_value(condition.value)}, the very beginning of that day: "
        f"nearly all of it is left out; to include it, give {parameter.base}[strictly_before] the day after"
    )
    return ExportWarning(BARE_DATE_IN_BEFORE, message)


def _later_operator(_reading: Reading, parameter: Parameter, _column: CatalogColumn) -> None:
    raise Refused(f"the operator {parameter.brackets[0]} is not honoured yet; leave it out")


_OPERATORS: dict[str, Callable[[Reading, Parameter, CatalogColumn], None]] = {
    "after": _date(Operator.GREATER_OR_EQUAL),
    "before": _date(Operator.LESS_OR_EQUAL),
    "strictly_after": _date(Operator.GREATER),
    "strictly_before": _date(Operator.LESS),
    "lt": _later_operator,
    "lte": _later_operator,
    "gt": _later_operator,
    "gte": _later_operator,
    "between": _later_operator,
}


# ---- words, which stand where a property could: word[…]=value


def _order(reading: Reading, parameter: Parameter) -> None:
    names = [c.field for c in reading.collection.columns if c.sort]
    match parameter.brackets:
        case (name,) if name:
            term = FieldOrder(_sortable(reading, name, names), _descending(parameter))
        case _:
            raise Refused(f"say by what: order[property]=asc or desc; properties: {listed(names)}")
    same = [t for t in reading.order if t.column.name == term.column.name]
    if any(t.descending != term.descending for t in same):
        raise Refused(f"{name} is ordered by twice, in both directions; choose one")
    if not same:
        reading.order.append(term)


def _sortable(reading: Reading, name: str, names: list[str]) -> CatalogColumn:
    column = reading.column(name)
    if column is None:
        raise Refused(f"unknown property {shown(name)}: {hint(name, names)}")
    if not column.sort:
        raise Refused(f"{name} cannot be ordered by; these can: {listed(names)}")
    return column


def _descending(parameter: Parameter) -> bool:
    direction = _value(parameter).lower()
    if direction not in {"asc", "desc"}:
        raise Refused(f"{shown(direction) or 'nothing'} is no direction: write asc or desc")
    return direction == "desc"


def _later_word(_reading: Reading, parameter: Parameter) -> None:
    raise Refused(f"{parameter.base} is not honoured yet; leave it out")


_WORDS: dict[str, Callable[[Reading, Parameter], None]] = {
    "order": _order,
    "exists": _later_word,
    "properties": _later_word,
    "page": _later_word,
    "itemsPerPage": _later_word,
}
_WORDS_HONOURED = tuple(word for word, read in _WORDS.items() if read is not _later_word)

RESERVED = frozenset(_WORDS)
"""Names that no property to filter by and no path parameter can have."""
