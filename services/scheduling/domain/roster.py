"""The direct method: a deterministic rotation, unit by unit and day by day.

A limit concerns one unit or one person, so units are independent and each is planned alone. Order of things
on a date: holiday or rest day, absence, those who may not go, the share, the week's limit, the minimum at the
counter; whoever has had the fewest days at home goes first, ties by the longest time since and then by a hash
of the seed. The same input and seed give the same roster.
"""

import datetime as dt
import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from services.scheduling.domain.policies import Policy, RotationParameters, WeekdayParameters, in_force
from services.scheduling.domain.records import RequirementSet
from services.scheduling.domain.timetable import DAY, Hours, Pattern, hours_on, minutes

NONE, WFO, WFH, DUTY_TRAVEL, LEAVE, OFF = range(6)
MODES = ("NONE", "WFO", "WFH", "DUTY_TRAVEL", "LEAVE", "OFF")
"""NONE: this unit does not plan this person on this date."""

REASONS = (
    "none",
    "rest_day",
    "holiday",
    "leave",
    "duty_travel",
    "policy",
    "no_policy",
    "not_wfh_day",
    "turn",
    "direct_service",
    "unit_excluded",
    "opd_excluded",
    "head",
    "echelon",
    "discipline",
    "new_in_post",
    "week_limit",
    "unit_share",
    "minimum",
)
_CODE = {name: number for number, name in enumerate(REASONS)}
Category = Literal["leave", "duty_travel"]
_Shift = tuple[Pattern, int, int, int]
"""Pattern, number of the work day, start and end in minutes of the day that is looked at."""


@dataclass(frozen=True, slots=True)
class Away:
    """An absence, both ends included."""

    from_date: dt.date
    to_date: dt.date
    category: Category


@dataclass(frozen=True, slots=True)
class Person:
    employee_id: UUID
    pattern: Pattern
    echelon: str | None = None
    is_head: bool = False
    post_since: dt.date | None = None
    discipline_until: dt.date | None = None
    away: tuple[Away, ...] = ()
    since: dt.date | None = None
    """First date in this unit, where it lies in the span."""
    until: dt.date | None = None
    """Last date in this unit, where it lies in the span."""
    earlier_days: int = 0
    """WFH days in the four weeks before the span: who had more goes later."""
    earlier_in_week: int = 0
    """WFH days in the span's first week, before the span."""


@dataclass(frozen=True, slots=True)
class UnitInput:
    unit_id: str
    opd_code: str
    opd_kind: str
    direct_service: bool
    people: tuple[Person, ...]
    requirements: tuple[RequirementSet, ...] = ()
    recommended_share: float | None = None
    """From the readiness assessment: the cap of a policy that names none."""


@dataclass(frozen=True, slots=True)
class Span:
    first: dt.date
    last: dt.date
    holidays: frozenset[dt.date] = frozenset()
    policies: tuple[Policy, ...] = ()
    seed: int = 0

    @property
    def days(self) -> list[dt.date]:
        return [self.first + dt.timedelta(n) for n in range((self.last - self.first).days + 1)]


@dataclass(slots=True)
class Segment:
    """A stretch of opening time in which neither the requirement nor the people's hours change."""

    day: int
    start: int
    end: int
    required: int
    on_site: int = 0

    @property
    def slack(self) -> int:
        return self.on_site - self.required


@dataclass(frozen=True, slots=True)
class Shortage:
    """A minimum that cannot be kept, even with everybody at the office. Local minutes after midnight."""

    unit_id: str
    work_date: dt.date
    start: int
    end: int
    required: int
    on_site: int
    because: Literal["absence", "timetable"]


@dataclass(frozen=True, slots=True)
class Blocked:
    """A unit-day on which fewer are at home than the policy asks for, and what stands in the way."""

    unit_id: str
    work_date: dt.date
    wanted: int
    given: int
    constraints: Mapping[str, int]
    hours: tuple[tuple[int, int], ...]
    """Opening hours whose minimum stands in the way, as local minutes."""


@dataclass(slots=True)
class UnitRoster:
    """What the method found for one unit: a byte for each person and day."""

    unit_id: str
    modes: list[bytearray]
    reasons: list[bytearray]
    policies: list[str | None]
    """`policy_version` by day."""
    segments: list[Segment] = field(default_factory=list[Segment])
    shortages: list[Shortage] = field(default_factory=list[Shortage])
    blocked: list[Blocked] = field(default_factory=list[Blocked])
    spread: int = 0
    """Most minus fewest WFH days among those who could have been sent home on every working day of the span."""
    fewest: int = 0
    most: int = 0


@dataclass(slots=True)
class _Work:
    """The unit's state while it is planned."""

    unit: UnitInput
    span: Span
    days: list[dt.date]
    roster: UnitRoster
    patterns: dict[Pattern, list[Hours | None]]
    count: list[int]
    latest: list[int]
    week_count: list[int]
    tie: list[int]
    covered: dict[tuple[Pattern, int], list[Segment]]
    steady: list[bool]
    chosen_week: tuple[int, frozenset[int]] | None = None


def plan_unit(unit: UnitInput, span: Span) -> UnitRoster:
    """The roster of one unit for the span. Pure and deterministic."""
    days = span.days
    people = unit.people
    around = [days[0] - dt.timedelta(1), *days, days[-1] + dt.timedelta(1)]
    patterns = {
        pattern: [hours_on(pattern, day, holiday=day in span.holidays) for day in around]
        for pattern in dict.fromkeys(person.pattern for person in people)
    }
    roster = UnitRoster(
        unit.unit_id,
        [bytearray(len(days)) for _ in people],
        [bytearray(len(days)) for _ in people],
        [None] * len(days),
    )
    work = _Work(
        unit,
        span,
        days,
        roster,
        patterns,
        [0] * len(people),
        [-1] * len(people),
        [person.earlier_in_week for person in people],
        [_tie(span.seed, person.employee_id) for person in people],
        {},
        [True] * len(people),
    )
    _fixed(work)
    if unit.requirements:
        _counters(work, around)
    for number in range(len(days)):
        _day(work, number)
    _fairness(work)
    return roster


def _tie(seed: int, employee_id: UUID) -> int:
    return int.from_bytes(hashlib.blake2b(employee_id.bytes, digest_size=6, key=str(seed).encode()).digest())


def _fixed(work: _Work) -> None:
    """What no policy can change: rest days, holidays, absences; everybody else starts at the office."""
    span, days = work.span, work.days
    holidays = [day in span.holidays for day in days]
    for person, modes, reasons in zip(work.unit.people, work.roster.modes, work.roster.reasons, strict=True):
        hours = work.patterns[person.pattern]
        for number in range(len(days)):
            if hours[number + 1] is None:
                modes[number] = OFF
                free = holidays[number] and person.pattern.timetable != "shift"
                reasons[number] = _CODE["holiday" if free else "rest_day"]
            else:
                modes[number] = WFO
        for away in person.away:
            start = max(0, (away.from_date - span.first).days)
            end = min(len(days) - 1, (away.to_date - span.first).days)
            for number in range(start, end + 1):
                # A trip may use a free day; a leave takes none.
                if away.category == "duty_travel":
                    modes[number], reasons[number] = DUTY_TRAVEL, _CODE["duty_travel"]
                elif modes[number] == WFO:
                    modes[number], reasons[number] = LEAVE, _CODE["leave"]
        if person.since is not None or person.until is not None:
            for number, day in enumerate(days):
                before = person.since is not None and day < person.since
                if before or (person.until is not None and day > person.until):
                    modes[number] = reasons[number] = NONE


def openings_on(
    requirements: Sequence[RequirementSet], day: dt.date, *, holiday: bool
) -> list[tuple[int, int, int]]:
    """(opens, closes, min_staff) in minutes that hold on a date (product.md 7)."""
    current = max(
        (one for one in requirements if one.effective_from <= day),
        key=lambda one: one.effective_from,
        default=None,
    )
    if current is None:
        return []
    return [
        (minutes(one.opens), minutes(one.closes), one.min_staff)
        for one in current.openings
        if day.weekday() in one.weekdays and (one.on_holidays or not holiday)
    ]


def _counters(work: _Work, around: list[dt.date]) -> None:
    """Cut the opening hours where requirement or hours change, and count who is there when all are."""
    present = _present(work, around)
    for number in range(len(work.days) + 1):
        day = around[number + 1]
        openings = openings_on(work.unit.requirements, day, holiday=day in work.span.holidays)
        if not openings:
            continue
        shifts = _shifts(work, number)
        cuts = {edge for opens, closes, _ in openings for edge in (opens, closes)}
        cuts |= {edge for _, _, start, end in shifts for edge in (start, end) if 0 < edge < DAY}
        for start, end in itertools.pairwise(sorted(cuts)):
            required = max((least for opens, closes, least in openings if opens <= start < closes), default=0)
            if required == 0:
                continue
            segment = Segment(number, start, end, required)
            for pattern, worked_on, first, last in shifts:
                if first <= start and end <= last:
                    segment.on_site += present[pattern, worked_on]
                    work.covered.setdefault((pattern, worked_on), []).append(segment)
            if number < len(work.days):
                work.roster.segments.append(segment)
                if segment.slack < 0:
                    work.roster.shortages.append(_shortage(work, segment, shifts))


def _present(work: _Work, around: list[dt.date]) -> Counter[tuple[Pattern, int]]:
    """How many of each pattern work on each day when nobody is at home.

    The days beside the span (-1 and its length) count too: a night shift reaches over midnight.
    """
    present: Counter[tuple[Pattern, int]] = Counter()
    for person, modes in zip(work.unit.people, work.roster.modes, strict=True):
        present.update((person.pattern, number) for number, mode in enumerate(modes) if mode == WFO)
        for number in (-1, len(work.days)):
            day = around[number + 1]
            posted = (person.since is None or person.since <= day) and (
                person.until is None or day <= person.until
            )
            if posted and not any(one.from_date <= day <= one.to_date for one in person.away):
                present[person.pattern, number] += 1
    return present


def _shifts(work: _Work, number: int) -> list[_Shift]:
    """Who may be there on a day: its own shifts, and those of the day before that reach over midnight."""
    shifts: list[_Shift] = []
    for pattern, hours in work.patterns.items():
        for back in (0, 1):
            worked = hours[number + 1 - back] if number + 1 - back >= 0 else None
            if worked is not None:
                shifts.append((pattern, number - back, worked[0] - back * DAY, worked[1] - back * DAY))
    return shifts


def _shortage(work: _Work, segment: Segment, shifts: list[_Shift]) -> Shortage:
    posted = sum(
        1
        for person in work.unit.people
        for pattern, _, first, last in shifts
        if person.pattern == pattern and first <= segment.start and segment.end <= last
    )
    return Shortage(
        work.unit.unit_id,
        work.days[segment.day],
        segment.start,
        segment.end,
        segment.required,
        segment.on_site,
        "absence" if posted >= segment.required else "timetable",
    )


def barred(person: Person, unit: UnitInput, policy: Policy, day: dt.date) -> str | None:
    """The reason why a policy's limits keep a person at the office on a date, whoever else goes; or None."""
    limits = policy.content.limits
    wait, since = limits.days_after_post_change, person.post_since
    reasons = (
        ("direct_service", limits.never_direct_service and unit.direct_service),
        ("unit_excluded", unit.unit_id in limits.never_units),
        ("opd_excluded", unit.opd_code in limits.never_opds),
        ("head", person.is_head and unit.opd_kind in limits.never_heads_of),
        ("echelon", person.echelon in limits.never_echelons),
        ("discipline", limits.never_under_discipline and day <= (person.discipline_until or dt.date.min)),
        ("new_in_post", bool(wait) and since is not None and day < since + dt.timedelta(wait or 0)),
    )
    return next((reason for reason, holds in reasons if holds), None)


def wanted_on(policy: Policy, day: dt.date, working: int) -> int | None:
    """How many of `working` people the policy sends home on a date; None on a day that is not one of its."""
    parameters = policy.content.parameters
    if isinstance(parameters, WeekdayParameters):
        return working if day.weekday() in parameters.weekdays else None
    return floor_share(parameters.share, working)


def floor_share(share: float, people: int) -> int:
    """A share of so many people, rounded down; 0.58 of 100 is 58 in spite of binary fractions."""
    return math.floor(share * people + 1e-9)


def _day(work: _Work, number: int) -> None:
    day, unit, roster = work.days[number], work.unit, work.roster
    if number == 0 or day.weekday() == 0:
        if number:
            work.week_count = [0] * len(unit.people)
        work.chosen_week = None
    policy = in_force(work.span.policies, unit.opd_code, day)
    working = [index for index, modes in enumerate(roster.modes) if modes[number] == WFO]
    if policy is None:
        for index in working:
            roster.reasons[index][number] = _CODE["no_policy"]
        return
    roster.policies[number] = policy.label
    wanted = wanted_on(policy, day, len(working))
    if wanted is None:
        for index in working:
            roster.reasons[index][number] = _CODE["not_wfh_day"]
        return
    candidates: list[int] = []
    for index in working:
        reason = barred(unit.people[index], unit, policy, day)
        if reason is None:
            candidates.append(index)
        else:
            roster.reasons[index][number] = _CODE[reason]
    _choose(work, number, policy, candidates, most=_cap(work, policy, len(working), wanted), wanted=wanted)
    if candidates:
        going = set(candidates)
        for index in range(len(unit.people)):
            if index not in going:
                work.steady[index] = False


def _order(work: _Work, policy: Policy, candidates: list[int], wanted: int) -> list[int]:
    """Who goes first."""
    people, count, latest, tie = work.unit.people, work.count, work.latest, work.tie

    def rank(index: int) -> tuple[int, int, int, int]:
        return count[index], latest[index], people[index].earlier_days, tie[index]

    ordered = sorted(candidates, key=rank)
    parameters = policy.content.parameters
    if isinstance(parameters, RotationParameters) and parameters.turn == "weekly":
        if work.chosen_week is None:
            work.chosen_week = wanted, frozenset(ordered[:wanted])
        turn = work.chosen_week[1]
        ordered.sort(key=lambda index: index not in turn)
    return ordered


def _cap(work: _Work, policy: Policy, working: int, wanted: int) -> int:
    """The most that may be at home: the wish, within the unit's share."""
    share = policy.content.limits.max_unit_share
    cap = share if share is not None else work.unit.recommended_share
    return wanted if cap is None else min(wanted, floor_share(cap, working))


def _choose(work: _Work, number: int, policy: Policy, candidates: list[int], *, most: int, wanted: int) -> None:
    roster, limits = work.roster, policy.content.limits
    week = limits.max_days_per_week
    given = 0
    stops: dict[str, int] = {}
    tight: set[tuple[int, int]] = set()
    for index in _order(work, policy, candidates, most):
        pattern = work.unit.people[index].pattern
        segments = work.covered.get((pattern, number), ()) if limits.keep_min_staff else ()
        if given >= most:
            reason = "turn" if most == wanted else "unit_share"
        elif week is not None and work.week_count[index] >= week:
            reason = "week_limit"
            stops[reason] = stops.get(reason, 0) + 1
        elif any(segment.on_site <= segment.required for segment in segments):
            reason = "minimum"
            stops[reason] = stops.get(reason, 0) + 1
            tight.update((one.start, one.end) for one in segments if one.on_site <= one.required)
        else:
            reason = "policy"
            given += 1
            roster.modes[index][number] = WFH
            work.count[index] += 1
            work.week_count[index] += 1
            work.latest[index] = number
            for segment in work.covered.get((pattern, number), ()):
                segment.on_site -= 1
        roster.reasons[index][number] = _CODE[reason]
    aimed = min(wanted, len(candidates))
    if given < aimed:
        if most < aimed:
            stops["unit_share"] = aimed - most
        day = work.days[number]
        roster.blocked.append(Blocked(work.unit.unit_id, day, aimed, given, stops, tuple(sorted(tight))))


def _fairness(work: _Work) -> None:
    """The spread among those who could have gone on every day on which anybody could."""
    counts = [count for count, steady in zip(work.count, work.steady, strict=True) if steady]
    if counts:
        work.roster.fewest, work.roster.most = min(counts), max(counts)
        work.roster.spread = work.roster.most - work.roster.fewest
