"""Rows that belong to tenants: the filter that no query can remove."""

from collections.abc import Iterator
from datetime import UTC

from services.api.catalog.model import Collection
from services.api.catalog.query.values import read_value, write_value
from services.api.catalog.violations import Refused, Violations
from services.contract.spec import Operator, Term


def of_tenant(collection: Collection, tenant: str, violations: Violations) -> Iterator[Term]:
    """Yield the term that the tenant's column equals `tenant`; nothing if the rows belong to every tenant.

    If the tenant's name is not a value of the column's type, a violation with the field "tenant" is added.
    """
    column = collection.tenant
    if column is None:
        return
    try:
        value = read_value(column.type, tenant, UTC)
    except Refused as refused:
        violations.add("tenant", f"{collection.code} tells tenants apart by {column.type}: {refused}")
        return
    if write_value(value) != tenant:  # otherwise tenant 07 would get the rows of tenant 7
        why = f"write it as {write_value(value)}"
        violations.add("tenant", f"{collection.code} tells tenants apart by {column.type}: {why}")
        return
    yield Term(column.name, column.type, Operator.EQUALS, (value,))
