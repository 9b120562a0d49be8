"""Absences as officers read them."""

import datetime as dt
from uuid import UUID

from services.scheduling.store import absences as store
from services.scheduling.views.answer import Answer
from shared.access import Principal, only_opd
from shared.database import Tx


class Absence(Answer):
    """A leave or a duty travel, both dates included."""

    employee_id: UUID
    category: str
    from_date: dt.date
    to_date: dt.date
    kind: str | None
    letter: str | None


async def mine(tx: Tx, me: UUID, day: dt.date) -> list[Absence]:
    """A person's absences that end on a date or after it."""
    return [Absence.model_validate(absence) for absence in await store.since(tx, me, day)]


async def listed(tx: Tx, who: Principal, first: dt.date, last: dt.date) -> list[Absence]:
    """Absences that touch the span; an OPD admin sees their own OPD."""
    return [Absence.model_validate(absence) for absence in await store.absences(tx, only_opd(who), first, last)]
