"""The records of the invoice database: one class per table and one field per column, with the same names and order."""

from typing import NamedTuple


class Entity(NamedTuple):
    """A taxpayer whose invoices are collected."""

    id: str
    rfc: str
    name: str
    tax_regime: str
    postal_code: str
    email: str | None
    is_company: int
    created_at: str


class Party(NamedTuple):
    """One side of an invoice. `tax_regime` and `postal_code` keep their leading zeros."""

    rfc: str
    name: str
    tax_regime: str
    postal_code: str


class Invoice(NamedTuple):
    """The head of an invoice.

    `type`: I income, E credit note, P payment receipt, N payroll, T transfer of goods. `payment_method` is the means of
        payment ("03" is a bank transfer). `payment_form`: PUE at once, PPD later. Amounts are in `currency`; XXX means
        none. `related` is a JSON list of {"type", "uuid"}.
    """

    uuid: str
    entity_id: str
    series: str | None
    folio: str
    issued_at: str
    certified_at: str
    cancelled_at: str | None
    status: str
    type: str
    usage: str
    payment_method: str | None
    payment_form: str | None
    due_date: str | None
    currency: str
    exchange_rate: str | None
    subtotal: str
    discount: str | None
    tax: str | None
    total: str
    issuer_rfc: str
    issuer_name: str
    issuer_tax_regime: str
    issuer_postal_code: str
    receiver_rfc: str
    receiver_name: str
    receiver_tax_regime: str
    receiver_postal_code: str
    is_issuer: int
    item_count: int
    related: str | None
    notes: str | None


class LineItem(NamedTuple):
    """One line of an invoice: `quantity` and `unit_price` have six decimals, the amounts two."""

    id: str
    invoice_uuid: str
    entity_id: str
    issued_at: str
    position: int
    product_code: str
    sku: str | None
    description: str
    unit_code: str
    unit: str | None
    quantity: str
    unit_price: str
    amount: str
    discount: str | None
    tax_rate: str | None
    tax: str | None


class Payment(NamedTuple):
    """A payment for an invoice. `outstanding_balance` is what remains to be paid."""

    id: str
    invoice_uuid: str
    entity_id: str
    paid_at: str
    payment_method: str
    currency: str
    exchange_rate: str
    installment: int
    previous_balance: str
    amount: str
    outstanding_balance: str
    operation_number: str | None


class Filed(NamedTuple):
    """An invoice with everything that belongs to it."""

    invoice: Invoice
    items: list[LineItem]
    payments: list[Payment]
