"""The lines of an invoice, and their totals."""

from dataclasses import dataclass, field
from random import Random

from sample.records import LineItem
from sample.values import below, money, random_uuid, six_decimals
from sample.words import NASTY, PRODUCTS, Product

_PAYMENT: Product = ("84111506", "ACT", None, "Pago")
_PAYROLL: Product = ("84111505", "ACT", None, "Pago de nómina")
_MAX_LINES = 5
_TAX = 16  # per cent


@dataclass(frozen=True, slots=True)
class Head:
    """The fields of an invoice that its lines need. `issued` is `issued_at` in seconds from the start of the period."""

    uuid: str
    entity_id: str
    issued: int
    issued_at: str
    type: str


@dataclass(slots=True)
class Totals:
    """Sums in cents; None if no line has such an amount."""

    subtotal: int = 0
    discount: int | None = None
    tax: int | None = None

    @property
    def total(self) -> int:
        return self.subtotal - (self.discount or 0) + (self.tax or 0)

    def add(self, amount: int, discount: int | None, tax: int | None) -> None:
        self.subtotal += amount
        if discount is not None:
            self.discount = (self.discount or 0) + discount
        if tax is not None:
            self.tax = (self.tax or 0) + tax


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of one invoice while they are drawn: one for a payroll or a payment receipt, otherwise one to five."""

    rng: Random
    head: Head
    items: list[LineItem] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)

    def draw(self) -> None:
        match self.head.type:
            case "P":
                self._add(_PAYMENT, thousandths=1_000, price=0)
            case "N":
                self._draw_payroll()
            case _:
                self._draw_goods()

    def _draw_payroll(self) -> None:
        salary = (5_000_00 + below(self.rng, 55_000_00)) * 10_000
        self._add(_PAYROLL, thousandths=1_000, price=salary, per_cent_off=10 + below(self.rng, 20))

    def _draw_goods(self) -> None:
        rng = self.rng
        discounted = self.head.type == "I" and rng.random() < 0.15
        for _ in range(1 + below(rng, _MAX_LINES)):
            product = PRODUCTS[below(rng, len(PRODUCTS))]
            whole = rng.random() < 0.8
            thousandths = 1_000 * (1 + below(rng, 20)) if whole else 1 + below(rng, 20_000)
            off = 5 * (1 + below(rng, 4)) if discounted else None
            self._add(product, thousandths=thousandths, price=self._price(), per_cent_off=off, tax=self._tax())

    def _price(self) -> int:
        return 0 if self.head.type == "T" else int(self.rng.lognormvariate(5.5, 1.3) * 1_000_000) + 1

    def _tax(self) -> int | None:
        if self.head.type == "T":
            return None
        return _TAX if self.rng.random() < 0.9 else 0

    def _add(
        self, product: Product, *, thousandths: int, price: int, per_cent_off: int | None = None, tax: int | None = None
    ) -> None:
        """Add a line: `thousandths` of a unit at `price` millionths, minus the discount and plus the tax in per cent.

        None means no discount or no tax. Every amount is rounded half up to cents before it is added.
        """
        amount = (thousandths * price + 5_000_000) // 10_000_000
        discount = None if per_cent_off is None else _per_cent(amount, per_cent_off)
        taxed = None if tax is None else _per_cent(amount - (discount or 0), tax)
        self.totals.add(amount, discount, taxed)
        rng, head = self.rng, self.head
        code, unit_code, unit, description = product
        item = LineItem(
            id=random_uuid(rng),
            invoice_uuid=head.uuid,
            entity_id=head.entity_id,
            issued_at=head.issued_at,
            position=len(self.items) + 1,
            product_code=code,
            sku=None if rng.random() < 0.4 else f"{below(rng, 100_000):05}",
            description=NASTY[below(rng, len(NASTY))] if rng.random() < 0.02 else description,
            unit_code=unit_code,
            unit=unit,
            quantity=six_decimals(thousandths * 1_000),
            unit_price=six_decimals(price),
            amount=money(amount),
            discount=None if discount is None else money(discount),
            tax_rate=None if tax is None else six_decimals(tax * 10_000),
            tax=None if taxed is None else money(taxed),
        )
        self.items.append(item)


def _per_cent(cents: int, rate: int) -> int:
    return (cents * rate + 50) // 100
