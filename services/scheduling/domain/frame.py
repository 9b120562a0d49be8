"""The frame of a unit's roster: all that is settled before anybody chooses who goes home.

Both methods, the rotation and the solver, fill the same frame, so they keep the same rules. Order of things on
a date: holiday or rest day, absence, a settled day, those who may not go, then the share.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.scheduling.domain.counters import Coverage, Segment, Shortage, coverage
from services.scheduling.domain.planning import (
    DUTY_TRAVEL,
    LEAVE,
    NONE,
    OFF,
    REASON,
    WFH,
    WFO,
    Method,
    Person,
    Span,
    UnitInput,
    floor_share,
)
from services.scheduling.domain.policies import Policy, WeekdayParameters, in_force
from services.scheduling.domain.timetable import Hours, Pattern, hours_on


@dataclass(frozen=True, slots=True)
class Blocked:
    """A unit-day on which fewer are at home than the policy asks for, and what stands in the way."""

    unit_id: str
    work_date: dt.date
    wanted: int
    given: int
    constraints: Mapping[str, int]
    """Constraint -> how many people it kept at the office."""
    hours: tuple[tuple[int, int], ...]
    """Opening hours whose minimum stands in the way, as local minutes."""


@dataclass(frozen=True, slots=True)
class Solved:
    """How the solver ended: seconds, relative gap between what was found and what is possible at best."""

    status: str
    seconds: float
    gap: float
    wishes: int
    granted: int


@dataclass(slots=True)
class UnitRoster:
    """What a method found for one unit: a byte for each person and day."""

    unit_id: str
    modes: list[bytearray]
    reasons: list[bytearray]
    policies: list[str | None]
    """`policy_version` by day."""
    hours: Mapping[Pattern, list[Hours | None]]
    """By pattern, from one day before the span to one day after it."""
    segments: list[Segment] = field(default_factory=list[Segment])
    shortages: list[Shortage] = field(default_factory=list[Shortage])
    blocked: list[Blocked] = field(default_factory=list[Blocked])
    fewest: int = 0
    most: int = 0
    """WFH days in the span, among those who could have gone on every day on which anybody could."""
    solved: Solved | None = None

    @property
    def spread(self) -> int:
        return self.most - self.fewest


@dataclass(slots=True)
class Choice:
    """One day on which a policy sends people home."""

    number: int
    policy: Policy
    candidates: list[int]
    """Who may go, by index."""
    wanted: int
    """How many the policy asks for, settled days left out."""
    most: int
    """The most that may go, settled days left out."""


@dataclass(slots=True)
class Frame:
    unit: UnitInput
    span: Span
    days: list[dt.date]
    roster: UnitRoster
    coverage: Coverage
    choices: list[Choice]
    barred: dict[str, list[str | None]] = field(default_factory=dict[str, list[str | None]])
    """By policy version: what keeps each person at the office on every date."""

    def covered(self, index: int, number: int) -> list[Segment]:
        """The segments that a person's work day covers."""
        return self.coverage.by_work_day.get((self.unit.people[index].pattern, number), _NOTHING)

    def send_home(self, index: int, number: int, reason: str = "policy") -> None:
        self.roster.modes[index][number] = WFH
        self.roster.reasons[index][number] = REASON[reason]
        for segment in self.covered(index, number):
            segment.on_site -= 1


@dataclass(frozen=True, slots=True)
class Draft:
    """A computed roster that nobody has published yet."""

    span: Span
    units: Sequence[UnitInput]
    results: Sequence[UnitRoster]
    method: Method = "auto"
    fresh: bool = False


_NOTHING: list[Segment] = []


def frame(unit: UnitInput, span: Span) -> Frame:
    """Everything of `unit`'s roster that no method may choose."""
    days = span.days
    around = [span.first - dt.timedelta(1), *days, span.last + dt.timedelta(1)]
    hours = {
        pattern: [hours_on(pattern, day, holiday=day in span.holidays, special=unit.special) for day in around]
        for pattern in dict.fromkeys(person.pattern for person in unit.people)
    }
    roster = UnitRoster(
        unit.unit_id,
        [bytearray(len(days)) for _ in unit.people],
        [bytearray(len(days)) for _ in unit.people],
        [None] * len(days),
        hours,
    )
    for index, person in enumerate(unit.people):
        _fixed(roster, index, person, span, days)
    found = coverage(unit, days, span.holidays, hours, roster.modes) if unit.requirements else Coverage()
    roster.segments, roster.shortages = found.segments, found.shortages
    made = Frame(unit, span, days, roster, found, [])
    settled = _settle(made)
    for number, day in enumerate(days):
        choice = _choice(made, number, day, settled.get(number, 0))
        if choice is not None:
            made.choices.append(choice)
    return made


def _fixed(roster: UnitRoster, index: int, person: Person, span: Span, days: list[dt.date]) -> None:
    """What no policy can change: rest days, holidays, absences; on every other day one works at the office."""
    hours = roster.hours[person.pattern]
    modes, reasons = roster.modes[index], roster.reasons[index]
    for number, day in enumerate(days):
        if hours[number + 1] is None:
            modes[number] = OFF
            free = day in span.holidays and person.pattern.timetable != "shift"
            reasons[number] = REASON["holiday" if free else "rest_day"]
        else:
            modes[number] = WFO
    for away in person.away:
        start = max(0, (away.from_date - span.first).days)
        end = min(len(days) - 1, (away.to_date - span.first).days)
        for number in range(start, end + 1):
            # A trip may use a free day; a leave takes none.
            if away.category == "duty_travel":
                modes[number], reasons[number] = DUTY_TRAVEL, REASON["duty_travel"]
            elif modes[number] == WFO:
                modes[number], reasons[number] = LEAVE, REASON["leave"]
    if person.since is not None or person.until is not None:
        for number, day in enumerate(days):
            if not (person.since or day) <= day <= (person.until or day):
                modes[number] = reasons[number] = NONE


def _settle(made: Frame) -> dict[int, int]:
    """Put in the days settled by swaps and named changes. Returns how many are at home by them, by day."""
    home: dict[int, int] = {}
    for index, person in enumerate(made.unit.people):
        for day, mode in person.pinned:
            number = (day - made.span.first).days
            if not 0 <= number < len(made.days) or made.roster.modes[index][number] != WFO:
                continue
            made.roster.reasons[index][number] = REASON["changed"]
            if mode == "WFH":
                made.send_home(index, number, "changed")
                home[number] = home.get(number, 0) + 1
    return home


def barred(person: Person, unit: UnitInput, policy: Policy, day: dt.date) -> str | None:
    """The reason why a policy's limits keep a person at the office on a date, whoever else goes; or None."""
    return _always(person, unit, policy) or _on_date(person, policy, day)


def _always(person: Person, unit: UnitInput, policy: Policy) -> str | None:
    """What keeps a person at the office whatever the date."""
    limits = policy.content.limits
    reasons = (
        ("direct_service", limits.never_direct_service and unit.direct_service),
        ("budget_spent", limits.not_while_budget_spent and unit.budget_spent),
        ("unit_excluded", unit.unit_id in limits.never_units),
        ("opd_excluded", unit.opd_code in limits.never_opds),
        ("head", person.is_head and unit.opd_kind in limits.never_heads_of),
        ("echelon", person.echelon in limits.never_echelons),
    )
    return next((reason for reason, holds in reasons if holds), None)


def _on_date(person: Person, policy: Policy, day: dt.date) -> str | None:
    """What keeps a person at the office on some dates."""
    limits = policy.content.limits
    if limits.never_under_discipline and day <= (person.discipline_until or dt.date.min):
        return "discipline"
    wait, since = limits.days_after_post_change, person.post_since
    return "new_in_post" if wait and since is not None and day < since + dt.timedelta(wait) else None


def wanted_on(policy: Policy, day: dt.date, working: int) -> int | None:
    """How many of `working` people the policy sends home on a date; None on a day that is not one of its."""
    parameters = policy.content.parameters
    if isinstance(parameters, WeekdayParameters):
        return working if day.weekday() in parameters.weekdays else None
    return floor_share(parameters.share, working)


def _choice(made: Frame, number: int, day: dt.date, settled: int) -> Choice | None:
    unit, roster = made.unit, made.roster
    policy = in_force(made.span.policies, unit.opd_code, day)
    working = [index for index, modes in enumerate(roster.modes) if modes[number] in (WFO, WFH)]
    open_ones = [index for index in working if not roster.reasons[index][number]]
    wanted = None if policy is None else wanted_on(policy, day, len(working))
    if policy is None or wanted is None:
        reason = REASON["no_policy" if policy is None else "not_wfh_day"]
        for index in open_ones:
            roster.reasons[index][number] = reason
        roster.policies[number] = policy and policy.label
        return None
    roster.policies[number] = policy.label
    candidates: list[int] = []
    limits = policy.content.limits
    dated = limits.never_under_discipline or limits.days_after_post_change
    always = made.barred.get(policy.label)
    if always is None:
        always = made.barred[policy.label] = [_always(person, unit, policy) for person in unit.people]
    kept = 0
    for index in open_ones:
        reason = always[index] or (_on_date(unit.people[index], policy, day) if dated else None)
        if reason is None:
            candidates.append(index)
        else:
            roster.reasons[index][number] = REASON[reason]
            kept += reason == "budget_spent"
    aimed = min(max(0, wanted - settled), kept)
    if aimed:
        # It is no rule about these people: so many would have gone, and an officer is told why nobody does.
        roster.blocked.append(Blocked(unit.unit_id, day, aimed, 0, {"budget_spent": kept}, ()))
    ready = unit.recommended_share if limits.readiness_exception is None else None
    caps = [share for share in (limits.max_unit_share, ready) if share is not None]
    most = min([wanted, *(floor_share(cap, len(working)) for cap in caps)])
    return Choice(number, policy, candidates, max(0, wanted - settled), max(0, most - settled))
