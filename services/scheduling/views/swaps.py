"""Swaps and wishes as staff read them, and pairs of whom one is always at the office."""

import datetime as dt
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from services.scheduling.domain.partners import handle
from services.scheduling.domain.spans import Days
from services.scheduling.store import swaps as store
from services.scheduling.views.answer import Answer
from shared.database import Tx


class SwapStatus(Answer):
    swap_id: UUID
    status: Literal["asked", "agreed", "approved", "refused"]


class ApprovedSwap(SwapStatus):
    """`changed` plans were written and published."""

    changed: int


class Swap(SwapStatus):
    """The asker gives up `asker_date` at home for the partner's `partner_date`."""

    asker_id: UUID
    partner_id: UUID
    asker_date: dt.date
    partner_date: dt.date
    asked_at: dt.datetime


class Partner(Answer):
    """A colleague whose day you could take: they are at home on `their_date` and at the office on your date.

    `partner` stands for them until you ask: it is of this list and these dates alone.
    """

    partner: str
    their_date: dt.date
    mode: Literal["WFH"] = "WFH"


class Wish(Answer):
    """A request for one date; weight 1 (would be nice) to 3 (matters much)."""

    work_date: dt.date
    mode: Literal["WFO", "WFH"]
    weight: int


class Pair(Answer):
    """Two people of a unit of whom one is always at the office."""

    unit_id: str
    employee_ids: Sequence[UUID]
    reason: str


async def swaps(tx: Tx, me: UUID) -> list[Swap]:
    """Swaps that a person asked for, is asked in, or may approve; newest first."""
    return [Swap.model_validate(dict(row)) for row in await store.swaps(tx, me)]


async def partners(tx: Tx, me: UUID, my_date: dt.date, their_dates: Days, now: dt.datetime) -> list[Partner]:
    """Whose day a person could take for their own, by date and in no order of people."""
    key = await store.key(tx)
    found = [
        Partner(partner=handle(key, me, one.employee_id, my_date, one.their_date), their_date=one.their_date)
        for one in await store.partners(tx, me, my_date, their_dates, now)
    ]
    return sorted(found, key=lambda one: (one.their_date, one.partner))


async def wishes(tx: Tx, me: UUID, day: dt.date) -> list[Wish]:
    """A person's wishes from a date on."""
    return [Wish.model_validate(dict(row)) for row in await store.wishes(tx, me, day)]
