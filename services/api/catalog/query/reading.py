"""The state of a query while it is parsed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from services.api.catalog.model import CatalogColumn, Collection, FieldOrder, PathParameter
from services.api.catalog.query.conditions import Condition
from services.api.catalog.query.parameters import Parameter
from services.api.catalog.query.values import read_value, write_value
from services.api.catalog.violations import AlwaysRefused, Refused
from services.api.domain.filter_mode import FilterMode
from services.contract.codes import WarningCode
from services.contract.outcome import ExportWarning
from services.contract.spec import Operator, Page, Term, Value
from services.runtime.nearest import hint, listed, shown

DEFAULT_ITEMS_PER_PAGE = 30
MAX_WARNINGS = 100
"""The most warnings that a resource shows. Further ones are counted in the last one."""

MAX_HINTS = 20
"""The most unknown names of a query for which the nearest known name is searched, since this takes time."""


@dataclass(slots=True)
class Reading:
    """A query while it is parsed.

    `path` has the texts of the path parameters; None if the query gives them by name. `number` and `size` are those of
    the requested page; None until they are given.
    """

    collection: Collection
    path: Mapping[str, str] | None
    time_zone: tzinfo
    mode: FilterMode = FilterMode.STRICT
    bound: list[Condition] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    order: list[FieldOrder] = field(default_factory=list)
    properties: dict[str, None] = field(default_factory=dict)
    number: int | None = None
    size: int | None = None
    warnings: dict[ExportWarning, None] = field(default_factory=dict)
    columns: dict[str, CatalogColumn] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = {column.field: column for column in reversed(self.collection.columns)}

    def property(self, name: str, allows: Callable[[CatalogColumn], bool], cannot: str) -> CatalogColumn:
        """Return the column with this field. Raises Refused if it is unknown or does not allow the operation."""
        column = self.columns.get(name)
        if column is None:
            raise Refused(f"unknown property {shown(name)}: {self.hint(name, self._fields(allows))}")
        if not allows(column):
            raise Refused(f"{name} {cannot}; these can: {listed(self._fields(allows))}")
        if self.path is not None and any(c.column == column.name for c in self.bound):
            raise Refused(f"{name} is given by the path; leave it out of the query")
        return column

    def hint(self, name: str, known: Sequence[str]) -> str:
        """Return the nearest known names, as `nearest.hint` does.

        If many names were wrong, the known names are only listed.
        """
        return hint(name, known) if len(self.warnings) < MAX_HINTS else f"known are {listed(known)}"

    def _fields(self, allows: Callable[[CatalogColumn], bool]) -> list[str]:
        return [c.field for c in self.collection.columns if allows(c)]

    def read(self, column: CatalogColumn, text: str) -> Value:
        """Return a value of the column's type. Raises Refused."""
        return read_value(column.type, text, self.time_zone)

    def bind(self, of_path: PathParameter, text: str) -> None:
        """Bind a path parameter.

        Raises AlwaysRefused for a second value, an empty one, or one that is not of its type.
        """
        if any(c.name == of_path.name for c in self.bound):
            raise AlwaysRefused(f"{of_path.name} is given twice; give it once")
        if not text:
            raise AlwaysRefused(f"{of_path.name} is empty; write {of_path.name}=…")
        try:
            value = read_value(of_path.type, text, self.time_zone)
        except Refused as refused:
            raise AlwaysRefused(str(refused)) from None
        term = Term(of_path.column, of_path.type, Operator.EQUALS, (value,))
        self.bound.append(Condition(of_path.name, write_value(value), of_path.column, term))

    def warn(self, code: WarningCode, message: str) -> None:
        """Add a warning if it is new. Beyond MAX_WARNINGS only the count of the last one is increased."""
        warning = ExportWarning(code, message)
        if warning in self.warnings or len(self.warnings) < MAX_WARNINGS:
            self.warnings[warning] = None
            return
        last = self.warnings.popitem()[0]
        self.warnings[ExportWarning(last.code, last.message, last.count + 1)] = None

    def page(self) -> Page | None:
        """Return the requested page; None for all rows. Adds a warning for a size without a number."""
        if self.number is None:
            if self.size is not None:
                message = "itemsPerPage alone is ignored: an export has every row; add page=… to export one page only"
                self.warn(WarningCode.ITEMS_PER_PAGE_IGNORED, message)
            return None
        limit = self.size or min(DEFAULT_ITEMS_PER_PAGE, self.collection.max_items_per_page)
        return Page((self.number - 1) * limit, limit)


def value_of(parameter: Parameter) -> str:
    """Return the value of a parameter. Raises Refused if there is no "="."""
    if parameter.value is None:
        raise Refused(f"it has no value: write {shown(parameter.name)}=…")
    return parameter.value
