"""Changes after publication: what a unit's counter loses, and who could step in.

Everything here looks at plans as they stand, never at what a roster would make anew: a change touches the plans
of the people it names and no others.
"""

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.scheduling.domain.counters import openings_on
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.records import RequirementSet
from services.scheduling.domain.timetable import DAY
from shared.dates import WIB


@dataclass(frozen=True, slots=True)
class Standing:
    """One plan with hours (mode WFO or WFH), or one without."""

    employee_id: UUID
    work_date: dt.date
    unit_id: str
    mode: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None

    @classmethod
    def of(cls, plan: Planned) -> "Standing":
        """A plan as it would stand."""
        return cls(plan.employee_id, plan.work_date, plan.unit_id, plan.mode, plan.starts_at, plan.ends_at)


@dataclass(frozen=True, slots=True)
class Short:
    """A stretch of opening time below its minimum, as local minutes of the date."""

    work_date: dt.date
    start: int
    end: int
    required: int
    on_site: int


@dataclass(frozen=True, slots=True)
class Substitute:
    """Someone at home on that date who could come to the office, and how much of the shortage it would mend."""

    employee_id: UUID
    work_date: dt.date
    minutes: int
    home_days: int


def _minutes(moment: dt.datetime, day: dt.date) -> int:
    local = moment.astimezone(WIB)
    return (local.date() - day).days * DAY + local.hour * 60 + local.minute


def shortages(
    requirements: Sequence[RequirementSet],
    plans: Sequence[Standing],
    unit_id: str,
    days: Sequence[dt.date],
    holidays: frozenset[dt.date],
) -> list[Short]:
    """Where the counter of a unit is below its minimum on these dates, given all plans of them and the day before.

    Exact to the minute; neighbouring stretches with the same figures are joined.
    """
    at_work: dict[dt.date, list[tuple[dt.datetime, dt.datetime]]] = {}
    for plan in plans:
        if plan.unit_id == unit_id and plan.mode == "WFO" and plan.starts_at and plan.ends_at:
            at_work.setdefault(plan.work_date, []).append((plan.starts_at, plan.ends_at))
    found: list[Short] = []
    last: Short | None = None
    for day in days:
        openings = openings_on(requirements, day, holiday=day in holidays)
        if not openings:
            continue
        there = [
            (_minutes(starts_at, day), _minutes(ends_at, day))
            for date in (day - dt.timedelta(1), day)
            for starts_at, ends_at in at_work.get(date, ())
        ]
        edges = {edge for opens, closes, _ in openings for edge in (opens, closes)}
        edges |= {edge for hours in there for edge in hours if 0 < edge < DAY}
        for start, end in itertools.pairwise(sorted(edges)):
            required = max((least for opens, closes, least in openings if opens <= start < closes), default=0)
            on_site = sum(begins <= start and end <= ends for begins, ends in there)
            if on_site >= required:
                continue
            short = Short(day, start, end, required, on_site)
            if last is not None and last == replace(short, start=last.start, end=start):
                found.remove(last)
                short = replace(short, start=last.start)
            found.append(short)
            last = short
    return found


def worse(before: Sequence[Short], after: Sequence[Short]) -> list[Short]:
    """The shortages of `after` in which somebody is missing who was not missing `before`."""
    missing = {
        (one.work_date, minute): one.required - one.on_site
        for one in before
        for minute in range(one.start, one.end)
    }
    return [
        one
        for one in after
        if any(
            missing.get((one.work_date, minute), 0) < one.required - one.on_site
            for minute in range(one.start, one.end)
        )
    ]


def substitutes(
    short: Sequence[Short],
    plans: Sequence[Standing],
    unit_id: str,
    *,
    home_days: Mapping[UUID, int],
    leave_out: frozenset[UUID],
) -> list[Substitute]:
    """People of the unit who are at home on a short date, best first.

    First who mends most of the shortage, then who has had most WFH days of late, then by id.
    """
    found: list[Substitute] = []
    for plan in plans:
        if plan.mode != "WFH" or plan.unit_id != unit_id or plan.employee_id in leave_out:
            continue
        if plan.starts_at is None or plan.ends_at is None:
            continue
        mended = 0
        for one in short:
            start = max(one.start, _minutes(plan.starts_at, one.work_date))
            end = min(one.end, _minutes(plan.ends_at, one.work_date))
            mended += max(0, end - start)
        if mended:
            days = home_days.get(plan.employee_id, 0)
            found.append(Substitute(plan.employee_id, plan.work_date, mended, days))
    return sorted(found, key=lambda one: (one.work_date, -one.minutes, -one.home_days, one.employee_id))
