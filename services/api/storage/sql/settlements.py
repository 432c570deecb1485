"""How an attempt of a delivery ends: guarded UPDATEs that append to the list of its attempts."""

from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa

from services.api.domain.notifications import MAX_TRIES_KEPT, DeliveryState
from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.database import Dialect
from services.api.storage.sql.tables import deliveries

_d = deliveries.c
_now = sa.bindparam("now", type_=UtcTime)

PENDING = sa.text("deliveries.state = 'PENDING'")
"""Written out as text, so that the database sees that it implies the condition of the partial index."""

HELD = (_d.id == sa.bindparam("of_id"), _d.lease_id == sa.bindparam("of_lease"), PENDING)
"""The fence: a hold that has lapsed and was replaced by another one matches nothing."""


@dataclass(frozen=True, slots=True)
class Settlements:
    """The statements.

    `again`: another attempt is due; `end`: no attempt is left; `supersede`: a later run has ended.
    """

    again: sa.Update
    end: sa.Update
    supersede: sa.Update

    @classmethod
    def of(cls, dialect: Dialect) -> Self:
        now, outcome = sa.bindparam("now_micros", type_=sa.BigInteger), sa.bindparam("outcome", type_=sa.Text)
        tries = dialect.appended(_d.tries, MAX_TRIES_KEPT, time=now, outcome=outcome)
        settled = sa.update(deliveries).values(lease_id=None, tries=tries)
        over = settled.values(next_attempt_time=None, end_time=_now)
        earlier_end = (
            _d.export_id == sa.bindparam("of_id"),
            _d.run < sa.bindparam("of_run", type_=sa.Integer),
            _d.number == 0,  # an event stays true when a later run ends
        )
        ended_as = sa.bindparam("ended_as", type_=_d.state.type)
        due = sa.bindparam("due", type_=UtcTime)
        return cls(
            again=settled.values(next_attempt_time=due).where(*HELD).returning(_d.id),
            end=over.values(state=ended_as).where(*HELD).returning(deliveries),
            supersede=over.values(state=DeliveryState.GIVEN_UP).where(*earlier_end, PENDING),
        )
