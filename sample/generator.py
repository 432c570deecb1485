"""Invented invoices in the order of their issue. The same seed and count give the same rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from sample import parties
from sample.items import Head, Lines
from sample.payments import pay
from sample.records import Entity, Filed, Invoice, Party
from sample.values import DAY, SECONDS, below, day, instant, money, random_uuid, six_decimals
from sample.words import NASTY, STREET

INVOICES = 100_000
SEED = 40
DEMO_EVERY = 50
"""The demo entity has the first invoice and every 50th after it, so that a bundle of its XML stays small."""

_TYPES = "IEPNT"
_TYPE_WEIGHTS = tuple(accumulate((86, 5, 6, 2, 1)))
_CANCELLED = 0.03
_USAGES = {
    "I": ("G01", "G03", "I04", "I08", "D01", "S01"),
    "E": ("G02",),
    "P": ("CP01",),
    "N": ("CN01",),
    "T": ("S01",),
}
_METHODS = ("01", "02", "03", "03", "03", "04", "28")
_LATER = "99"  # it is not yet known how a PPD invoice will be paid
_RATES = {"USD": 16_500_000, "EUR": 18_200_000}


@dataclass(frozen=True, slots=True)
class Terms:
    """How an invoice is paid. `rate` is the number of pesos for one unit of the currency, with six decimals."""

    method: str | None
    form: str | None
    currency: str
    rate: str | None


_NO_MONEY = Terms(None, None, "XXX", None)
_PAYROLL = Terms(None, "PUE", "MXN", "1.000000")


class Generator:
    """Generates everything from one seeded random generator, so `invoices` may be iterated only once."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self.entities = parties.entities(self._rng)
        self._companies = parties.companies(self._rng)
        self._people = parties.people(self._rng)
        self._latest_income: dict[str, str] = {}

    def invoices(self, count: int) -> Iterator[Filed]:
        """Yield `count` invoices spread over the whole period. With enough invoices every entity has some."""
        seconds = sorted(below(self._rng, SECONDS) for _ in range(count))
        owners = self._rng.choices(self.entities[1:], weights=range(1, parties.ENTITIES), k=count)
        for number, (second, owner) in enumerate(zip(seconds, owners, strict=True)):
            yield self._filed(number, second, self.entities[0] if number % DEMO_EVERY == 0 else owner)

    def _filed(self, number: int, second: int, entity: Entity) -> Filed:
        rng = self._rng
        kind = rng.choices(_TYPES, cum_weights=_TYPE_WEIGHTS)[0]
        head = Head(random_uuid(rng), entity.id, second, instant(second), kind)
        lines = Lines(rng, head)
        lines.draw()
        invoice = self._invoice(number, entity, lines)
        if kind == "I":
            self._latest_income[entity.id] = head.uuid
        return Filed(invoice, lines.items, pay(rng, second, invoice, lines.totals.total))

    def _invoice(self, number: int, entity: Entity, lines: Lines) -> Invoice:
        rng, head, totals = self._rng, lines.head, lines.totals
        terms = _terms(rng, head.type)
        cancelled = rng.random() < _CANCELLED
        is_issuer = head.type in "NT" or rng.random() < 0.7
        issuer, receiver = self._sides(head, entity, is_issuer)
        return Invoice(
            uuid=head.uuid,
            entity_id=entity.id,
            series=None if rng.random() < 0.2 else "ABC"[below(rng, 3)],
            folio=f"{number + 1:07}",
            issued_at=head.issued_at,
            certified_at=instant(head.issued + below(rng, 3_600)),
            cancelled_at=instant(head.issued + 3_600 + below(rng, 20 * DAY)) if cancelled else None,
            status="cancelado" if cancelled else "vigente",
            type=head.type,
            usage=rng.choice(_USAGES[head.type]),
            payment_method=terms.method,
            payment_form=terms.form,
            due_date=day(head.issued + 30 * DAY) if terms.form == "PPD" else None,
            currency=terms.currency,
            exchange_rate=terms.rate,
            subtotal=money(totals.subtotal),
            discount=None if totals.discount is None else money(totals.discount),
            tax=None if totals.tax is None else money(totals.tax),
            total=money(totals.total),
            issuer_rfc=issuer.rfc,
            issuer_name=issuer.name,
            issuer_tax_regime=issuer.tax_regime,
            issuer_postal_code=issuer.postal_code,
            receiver_rfc=receiver.rfc,
            receiver_name=receiver.name,
            receiver_tax_regime=receiver.tax_regime,
            receiver_postal_code=receiver.postal_code,
            is_issuer=int(is_issuer),
            item_count=len(lines.items),
            related=self._related(head),
            notes=_notes(rng),
        )

    def _sides(self, head: Head, entity: Entity, is_issuer: bool) -> tuple[Party, Party]:
        """Return the issuer and the receiver. The entity is one of them."""
        own = Party(entity.rfc, entity.name, entity.tax_regime, entity.postal_code)
        if is_issuer and head.type == "I" and self._rng.random() < 0.05:
            return own, Party(*STREET, own.postal_code)
        others = self._people if head.type == "N" else self._companies
        other = others[below(self._rng, len(others))]
        return (own, other) if is_issuer else (other, own)

    def _related(self, head: Head) -> str | None:
        """Return the invoice that a credit note reverses: the entity's latest one."""
        latest = self._latest_income.get(head.entity_id)
        return json.dumps([{"type": "01", "uuid": latest}]) if head.type == "E" and latest else None


def _terms(rng: Random, kind: str) -> Terms:
    if kind in "PT":
        return _NO_MONEY
    if kind == "N":
        return _PAYROLL
    later = kind == "I" and rng.random() < 0.4
    currency, rate = _currency(rng)
    return Terms(_LATER if later else rng.choice(_METHODS), "PPD" if later else "PUE", currency, rate)


def _currency(rng: Random) -> tuple[str, str]:
    drawn = rng.random()
    if drawn < 0.85:
        return "MXN", "1.000000"
    currency = "USD" if drawn < 0.97 else "EUR"
    return currency, six_decimals(_RATES[currency] + below(rng, 4_000_000))


def _notes(rng: Random) -> str | None:
    """Return a note: mostly none, sometimes an empty one or a text that careless exporters break."""
    drawn = rng.random()
    if drawn < 0.9:
        return None
    return "" if drawn < 0.92 else NASTY[below(rng, len(NASTY))]
