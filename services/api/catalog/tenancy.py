"""Rows that belong to tenants: the term that no query can take away."""

from collections.abc import Iterator
from datetime import UTC

from services.api.catalog.model import Collection
from services.api.catalog.query.values import read_value, write_value
from services.api.catalog.violations import Refused, Violations
from services.contract.spec import Operator, Term


def of_tenant(collection: Collection, tenant: str, violations: Violations) -> Iterator[Term]:
    """The column of the tenant holds `tenant`; none where the rows belong to everybody.

    A tenant whose name is no value of the column's type has a violation, with the field "tenant".
    """
    column = collection.tenant
    if column is None:
        return
    try:
        value = read_value(column.type, tenant, UTC)
    except Refused as refused:
        violations.add("tenant", f"{collection.code} tells tenants apart by {column.type}: {refused}")
        return
    if write_value(value) != tenant:  # 07 is another tenant than 7, and would be shown its rows
        why = f"write it as {write_value(value)}"
        violations.add("tenant", f"{collection.code} tells tenants apart by {column.type}: {why}")
        return
    yield Term(column.name, column.type, Operator.EQUALS, (value,))
