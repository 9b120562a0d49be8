"""What the officer sees of a draft: figures of the whole, and each unit in full where the scope is small.

`reasons` says of each function whether its reader may know which limit holds for a person.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.scheduling.domain import counters, frame
from services.scheduling.domain.frame import Draft, UnitRoster
from services.scheduling.domain.planning import (
    MODES,
    NONE,
    REASONS,
    WFH,
    WFO,
    Publications,
    UnitInput,
    public_reason,
)
from services.scheduling.domain.timetable import clock_text
from services.scheduling.store import rosters as store
from services.scheduling.views.answer import Answer, Json
from services.scheduling.views.policies import PolicyConflict
from services.scheduling.views.proposals import ProposalInBrief
from shared.access import READ_REASONS, Principal, may
from shared.database import Tx

LISTED = 200
"""Entries of a list in a summary; the counts are of all."""


class Stretch(Answer):
    """A stretch of a day, local HH:MM."""

    start: str = Field(serialization_alias="from")
    end: str = Field(serialization_alias="to")


class OpenHours(Stretch):
    """Opening hours of a counter: who must be there, and who is."""

    required: int
    on_site: int


class Shortage(OpenHours):
    """A minimum that nobody could keep."""

    constraint: Literal["min_staff"]
    unit_id: str
    work_date: dt.date
    because: Literal["absence", "timetable", "sent_home"]


class Blocked(Answer):
    """A day on which fewer are at home than the policy asks for, and how many people each constraint kept."""

    constraint: Literal["policy_share"]
    unit_id: str
    work_date: dt.date
    wanted: int
    given: int
    blocked_by: Mapping[str, int]
    hours: Sequence[Stretch]


class Solved(Answer):
    """How the solver ended: seconds, and the relative gap to what is possible at best."""

    unit_id: str
    status: str
    seconds: float
    gap: float
    wishes: int
    granted: int


class UnevenUnit(Answer):
    """WFH days of who has fewest and of who has most."""

    unit_id: str
    fewest: int
    most: int


class Summary(Answer):
    """Modes, reasons, fairness, and what cannot be satisfied, with the constraint and the hour that block it."""

    first: dt.date = Field(serialization_alias="from")
    last: dt.date = Field(serialization_alias="to")
    person_days: int
    modes: Mapping[str, int]
    reasons: Mapping[str, int]
    units: int
    spread: int
    uneven_units: Sequence[UnevenUnit]
    shortages: int
    blocked: int
    unsatisfied: Sequence[Shortage | Blocked]
    solved: Sequence[Solved]


class Fairness(Answer):
    fewest: int
    most: int
    spread: int


class PersonDay(Answer):
    employee_id: UUID
    work_date: dt.date
    mode: str
    reason: str | None
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None


class UnitDay(Answer):
    """How many of a unit work, how many of them at home, and its counter."""

    work_date: dt.date
    policy_version: str | None
    working: int
    wfh: int
    counter: Sequence[OpenHours]


class UnitInFull(Answer):
    """Every person-day of a unit with its reason, and every unit-day with its counter."""

    unit_id: str
    fairness: Fairness
    person_days: Sequence[PersonDay]
    unit_days: Sequence[UnitDay]
    unsatisfied: Sequence[Shortage | Blocked]
    solved: Solved | None


class Preview(Summary):
    """What publishing would do: plans that would change (told in scopes of up to 100,000 person-days), and `late`
    person-days that would wait for a second officer. `details` where they are asked for."""

    details: Sequence[UnitInFull] = ()
    changed: int = 0
    late: int


class Published(Summary):
    """`changed` plans were published; `proposal` holds what waits for a second officer."""

    roster_id: UUID
    changed: int
    proposal: ProposalInBrief | None
    details: Sequence[UnitInFull] = ()


class Roster(Answer):
    """A publication: what was asked, by whom, when, and what came of it."""

    roster_id: UUID
    request: Json
    status: Literal["running", "published", "failed"]
    summary: Json
    created_at: dt.datetime
    created_by: str
    published_by: str


class CityDay(Answer):
    """How many work, and which share of them at home."""

    work_date: dt.date
    working: int
    wfh: int
    wfh_share: float | None


class Moved(Answer):
    """Person-days."""

    to_home: int
    to_office: int


class TriedConflict(PolicyConflict):
    """Where a draft meets a policy; `shown_as_if_won` where only the id would decide against it."""

    shown_as_if_won: bool


class WhatIf(Answer):
    """What a draft policy would do: both summaries, and the person-days that move home or back."""

    now: Summary
    then: Summary
    by_day: Sequence[CityDay]
    moved: Moved
    conflicts: Sequence[TriedConflict]
    details: Sequence[UnitInFull] = ()


def _told(counts: Mapping[str, int], *, reasons: bool) -> dict[str, int]:
    """Counts by reason; those about a person become one."""
    told: Counter[str] = Counter()
    for reason, count in counts.items():
        told[reason if reasons else public_reason(reason) or ""] += count
    return dict(told)


def summary(drafted: Draft, *, reasons: bool = True) -> Summary:
    """The figures of a draft."""
    by_mode: Counter[str] = Counter()
    by_reason: Counter[str] = Counter()
    for result in drafted.results:
        for rows, names, counts in ((result.modes, MODES, by_mode), (result.reasons, REASONS, by_reason)):
            joined = b"".join(rows)
            for number, name in enumerate(names):
                counts[name] += joined.count(number)
    planned = {name: count for name, count in by_mode.items() if count and name != MODES[NONE]}
    given = {name: count for name, count in by_reason.items() if count and name != "none"}
    shortages = [one for result in drafted.results for one in result.shortages]
    blocked = [one for result in drafted.results for one in result.blocked]
    uneven = [result for result in drafted.results if result.spread > 1]
    solved = [result for result in drafted.results if result.solved is not None]
    return Summary(
        first=drafted.span.first,
        last=drafted.span.last,
        person_days=sum(planned.values()),
        modes=planned,
        reasons=_told(given, reasons=reasons),
        units=len(drafted.units),
        spread=max((result.spread for result in drafted.results), default=0),
        uneven_units=[UnevenUnit.model_validate(result) for result in uneven[:LISTED]],
        shortages=len(shortages),
        blocked=len(blocked),
        unsatisfied=_unsatisfied(shortages[:LISTED], blocked[: max(0, LISTED - len(shortages))], reasons=reasons),
        solved=[_solved(result.unit_id, result.solved) for result in solved[:LISTED] if result.solved],
    )


def _solved(unit_id: str, solved: frame.Solved) -> Solved:
    return Solved(
        unit_id=unit_id,
        status=solved.status,
        seconds=solved.seconds,
        gap=solved.gap,
        wishes=solved.wishes,
        granted=solved.granted,
    )


def _unsatisfied(
    shortages: Iterable[counters.Shortage], blocked: Iterable[frame.Blocked], *, reasons: bool
) -> list[Shortage | Blocked]:
    return [
        *(
            Shortage(
                constraint="min_staff",
                unit_id=short.unit_id,
                work_date=short.work_date,
                start=clock_text(short.start),
                end=clock_text(short.end),
                required=short.required,
                on_site=short.on_site,
                because=short.because,
            )
            for short in shortages
        ),
        *(
            Blocked(
                constraint="policy_share",
                unit_id=day.unit_id,
                work_date=day.work_date,
                wanted=day.wanted,
                given=day.given,
                blocked_by=_told(day.constraints, reasons=reasons),
                hours=[Stretch(start=clock_text(start), end=clock_text(end)) for start, end in day.hours],
            )
            for day in blocked
        ),
    ]


def in_full(drafted: Draft, *, reasons: bool) -> list[UnitInFull]:
    """Each unit of a draft."""
    return [
        _unit(drafted, unit, result, reasons=reasons)
        for unit, result in zip(drafted.units, drafted.results, strict=True)
    ]


def _unit(drafted: Draft, unit: UnitInput, result: UnitRoster, *, reasons: bool) -> UnitInFull:
    days = drafted.span.days
    counter: dict[int, list[OpenHours]] = {}
    for segment in result.segments:
        counter.setdefault(segment.day, []).append(
            OpenHours(
                start=clock_text(segment.start),
                end=clock_text(segment.end),
                required=segment.required,
                on_site=segment.on_site,
            )
        )
    return UnitInFull(
        unit_id=unit.unit_id,
        fairness=Fairness.model_validate(result),
        person_days=_person_days(days, unit, result, reasons=reasons),
        unit_days=[
            UnitDay(
                work_date=day,
                policy_version=result.policies[number],
                working=sum(modes[number] in (WFO, WFH) for modes in result.modes),
                wfh=sum(modes[number] == WFH for modes in result.modes),
                counter=counter.get(number, []),
            )
            for number, day in enumerate(days)
        ],
        unsatisfied=_unsatisfied(result.shortages, result.blocked, reasons=reasons),
        solved=result.solved and _solved(result.unit_id, result.solved),
    )


def _person_days(
    days: Sequence[dt.date], unit: UnitInput, result: UnitRoster, *, reasons: bool
) -> list[PersonDay]:
    listed: list[PersonDay] = []
    for person, modes, why in zip(unit.people, result.modes, result.reasons, strict=True):
        for number, mode in enumerate(modes):
            if mode == NONE:
                continue
            day, reason = days[number], REASONS[why[number]]
            hours = result.hours[person.pattern][number + 1] if mode in (WFO, WFH) else None
            starts_at, ends_at = hours.on(day) if hours else (None, None)
            listed.append(
                PersonDay(
                    employee_id=person.employee_id,
                    work_date=day,
                    mode=MODES[mode],
                    reason=reason if reasons else public_reason(reason),
                    starts_at=starts_at,
                    ends_at=ends_at,
                )
            )
    return listed


def by_day(drafted: Draft) -> list[CityDay]:
    """How many work and how many of them at home, day by day."""
    rows: list[CityDay] = []
    for number, day in enumerate(drafted.span.days):
        counts = Counter(modes[number] for result in drafted.results for modes in result.modes)
        working = counts[WFO] + counts[WFH]
        share = round(counts[WFH] / working, 4) if working else None
        rows.append(CityDay(work_date=day, working=working, wfh=counts[WFH], wfh_share=share))
    return rows


def moved(now: Draft, then: Draft) -> Moved:
    """Person-days that a draft policy moves home or back."""
    to_home = to_office = 0
    for before, after in zip(now.results, then.results, strict=True):
        for old_modes, new_modes in zip(before.modes, after.modes, strict=True):
            if old_modes == new_modes:
                continue
            differing = [new for old, new in zip(old_modes, new_modes, strict=True) if old != new]
            home = differing.count(WFH)
            to_home, to_office = to_home + home, to_office + len(differing) - home
    return Moved(to_home=to_home, to_office=to_office)


async def publications(
    tx: Tx, who: Principal, chosen: Publications, before: tuple[dt.datetime, UUID] | None, limit: int
) -> list[Roster]:
    """Publications, newest first; those of more than their OPD do not exist for an OPD admin (`chosen.within`)."""
    reasons = may(who, READ_REASONS)
    return [_publication(row, reasons=reasons) for row in await store.publications(tx, chosen, before, limit)]


def _publication(row: Any, *, reasons: bool) -> Roster:
    figures: dict[str, Any] = row["summary"]
    if "reasons" in figures:
        figures = {**figures, "reasons": _told(figures["reasons"], reasons=reasons)}
    return Roster.model_validate({**row, "summary": figures, "published_by": row["created_by"]})
