"""What a change after publication did, and what it may not do."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from pydantic import Field

from services.scheduling.domain.changes import Short
from services.scheduling.domain.timetable import clock_text
from services.scheduling.views.answer import Answer
from services.scheduling.views.proposals import ProposalInBrief


class Shortage(Answer):
    """A stretch of opening hours below its minimum, local HH:MM."""

    work_date: dt.date
    start: str = Field(serialization_alias="from")
    end: str = Field(serialization_alias="to")
    required: int
    on_site: int


class UnitShortage(Shortage):
    unit_id: str


class Substitute(Answer):
    """Someone at home who could step in: `minutes` of the shortage, after so many days at home of late."""

    rank: int
    employee_id: UUID
    work_date: dt.date
    minutes: int
    home_days: int


class BelowMinimum(Answer):
    """What a change would take from the counter of a unit, and who could step in, best first."""

    unit_id: str
    shortages: Sequence[Shortage]
    substitutes: Sequence[Substitute]


class Change(Answer):
    """What a change did: plans that changed, minimums overridden, and what waits for a second officer."""

    changed: int
    overridden: Sequence[Shortage]
    proposal: ProposalInBrief | None


def shortage(short: Short) -> Shortage:
    return Shortage(
        work_date=short.work_date,
        start=clock_text(short.start),
        end=clock_text(short.end),
        required=short.required,
        on_site=short.on_site,
    )


def unit_shortage(unit_id: str, short: Short) -> UnitShortage:
    return UnitShortage(unit_id=unit_id, **shortage(short).model_dump())
