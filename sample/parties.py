"""Invented taxpayers: the entities, and their business partners."""

from random import Random

from sample import DEMO_ENTITY
from sample.records import Entity, Party
from sample.values import DAY, instant, random_uuid
from sample.words import FIRST, FORMS, LAST, NASTY, PLACES, TRADES

ENTITIES = 20
_COMPANIES = 250
_PEOPLE = 150
_LETTERS = "ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_COMPANY_REGIMES = ("601", "603", "620", "622", "626")
_PERSON_REGIMES = ("605", "606", "612", "621", "626")


def entities(rng: Random) -> list[Entity]:
    """Return ENTITIES entities. The first one is the demo entity."""
    demo = Entity(
        DEMO_ENTITY,
        "ÑAN010203AB1",
        "Comercializadora Ñandú SA de CV",
        "601",
        "01210",
        "cfdi@example.com",
        1,
        instant(0),
    )
    return [demo, *(_entity(rng) for _ in range(ENTITIES - 1))]


def companies(rng: Random) -> list[Party]:
    """Return the companies. For each text that careless exporters break, one company has it as its name."""
    ordinary = [_company(rng, _company_name(rng)) for _ in range(_COMPANIES - len(NASTY))]
    return [*ordinary, *(_company(rng, name) for name in NASTY)]


def people(rng: Random) -> list[Party]:
    return [_person(rng) for _ in range(_PEOPLE)]


def _entity(rng: Random) -> Entity:
    is_company = rng.random() < 0.8
    party = _company(rng, _company_name(rng)) if is_company else _person(rng)
    email = None if rng.random() < 0.3 else f"{party.rfc[:3].lower().replace('ñ', 'n')}@example.com"
    return Entity(random_uuid(rng), *party, email, int(is_company), instant(rng.randrange(30 * DAY)))


def _company(rng: Random, name: str) -> Party:
    return Party(_rfc(rng, 3), name, rng.choice(_COMPANY_REGIMES), _postal_code(rng))


def _person(rng: Random) -> Party:
    name = f"{rng.choice(FIRST)} {rng.choice(LAST)} {rng.choice(LAST)}"
    return Party(_rfc(rng, 4), name, rng.choice(_PERSON_REGIMES), _postal_code(rng))


def _company_name(rng: Random) -> str:
    return f"{rng.choice(TRADES)} {rng.choice(PLACES)} {rng.choice(FORMS)}"


def _rfc(rng: Random, letters: int) -> str:
    """Return a tax number: letters of the name, a date, and three characters.

    A company has three letters, a person four.
    """
    name = "".join(rng.choices(_LETTERS, k=letters))
    founded = f"{rng.randrange(100):02}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"
    return f"{name}{founded}{rng.choice('ABCDEFGH')}{rng.choice('JKLMNPQ')}{rng.randrange(10)}"


def _postal_code(rng: Random) -> str:
    """Return a postal code. A third of them are in Mexico City, where they begin with 0."""
    return f"{rng.randrange(1_000, 10_000) if rng.random() < 0.33 else rng.randrange(20_000, 99_999):05}"
