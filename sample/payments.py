"""The payments for an invoice."""

from random import Random

from sample.records import Invoice, Payment
from sample.values import DAY, SECONDS, below, instant, money, random_uuid

_TRANSFER = "03"
_MAX_INSTALLMENTS = 4


def pay(rng: Random, issued: int, invoice: Invoice, total: int) -> list[Payment]:
    """Return the payments for an invoice. `total` is in cents.

    With PUE everything is paid at issue. With PPD up to four parts follow, about a month apart, within the period, so
    that some invoices remain partly or wholly unpaid. Only valid income invoices are paid.
    """
    if invoice.type != "I" or invoice.status != "vigente" or total == 0:
        return []
    if invoice.payment_form == "PUE":
        return [_payment(rng, invoice, issued, balance=total, amount=total)]
    return _installments(rng, issued, invoice, total)


def _installments(rng: Random, issued: int, invoice: Invoice, total: int) -> list[Payment]:
    parts = below(rng, _MAX_INSTALLMENTS + 1)
    made: list[Payment] = []
    balance, second = total, issued
    for number in range(1, parts + 1):
        second += (15 + below(rng, 30)) * DAY
        if second >= SECONDS:
            break
        amount = balance if number == parts else min(balance, total // parts)
        made.append(_payment(rng, invoice, second, number, balance=balance, amount=amount))
        balance -= amount
    return made


def _payment(rng: Random, invoice: Invoice, second: int, number: int = 1, *, balance: int, amount: int) -> Payment:
    at_once = invoice.payment_form == "PUE"
    method = (invoice.payment_method if at_once else None) or _TRANSFER
    return Payment(
        id=random_uuid(rng),
        invoice_uuid=invoice.uuid,
        entity_id=invoice.entity_id,
        paid_at=instant(second),
        payment_method=method,
        currency=invoice.currency,
        exchange_rate=invoice.exchange_rate or "1.000000",
        installment=number,
        previous_balance=money(balance),
        amount=money(amount),
        outstanding_balance=money(balance - amount),
        operation_number=f"{below(rng, 10_000_000):08}" if method == _TRANSFER else None,
    )
