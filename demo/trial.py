"""A pilot as a world with a known truth: weeks before a trial, the trial, an effect put in by us. Pure, seeded.

Half of the OPD are treated: from the trial's first day half of each office of theirs is at home each day (stage
II, a rotation of 50:50). Everyone else, and everyone before, is at home on Thursdays (stage I). Service points and
direct service stay at their posts. Of every person-day all that would have been recorded is drawn: absences,
late-comers, the unlucky without a sure time, forgotten check-outs, reports that are returned or left waiting.

The effect is exact in expectation, and not by luck: every chance that it moves has room for it (`on_time_chance`,
`accepted_minutes`), and nothing else that is drawn depends on it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from itertools import pairwise
from typing import Literal, NamedTuple
from uuid import UUID, uuid5

from demo.city import NAMESPACE, City, Employee
from demo.expect import Day, Outage, Plan, Punch, Report, Review, Rules
from demo.script import REPORT_CUTOFF, kind_of_work, officers, tasks_of_the_day
from demo.units import rows

Metric = Literal["on_time_rate", "output_rate"]
METRICS: tuple[Metric, ...] = ("on_time_rate", "output_rate")
CountBy = Literal["opd", "people"]

WIB = timezone(timedelta(hours=7))
"""As the instants are written; the city has no summer time."""

MOST_EFFECT = 0.3
AVAILABLE_MINUTES = 300
"""Minutes of work that a person-day has; the output rate is a share of them."""

OPD_SPREAD, SHOCK_SPREAD, HABIT_SPREAD, WEEKDAY_SPREAD = 0.03, 0.012, 0.06, 0.01
"""How far an OPD, an OPD's period, a person and a weekday can move the chance to be on time, either way."""
SPREAD = OPD_SPREAD + SHOCK_SPREAD + HABIT_SPREAD + WEEKDAY_SPREAD
CENTRE = 0.86
"""The chance to be on time of the middling person; less where an effect upwards needs the room."""
WEEKDAYS = (-WEEKDAY_SPREAD, 0.0, 0.005, 0.005, WEEKDAY_SPREAD, -0.005, -0.005)
"""What a weekday does, Monday first."""

MINUTES, OPD_MINUTES, SHOCK_MINUTES, HABIT_MINUTES, DAY_MINUTES = 230.0, 20.0, 4.0, 40.0, 50.0
"""Accepted minutes of an accepted report: those of the middling day, and what each can move them, either way."""

STAYS_AWAY = 0.2
"""Of those who are not on time so many do not come at all."""
UNSURE = 0.001
"""So many check in by a phone that cannot prove the time: they were punctual, and nobody can say."""
WEEKS_LEAVE, WEEKS_TRAVEL = 0.08, 0.03
"""The chance that somebody is on leave, or travels, for some days of a week."""

NO_REPORT, RETURNED_FOR_GOOD, UNREVIEWED, REVISED, AFTER_CUTOFF = 0.035, 0.015, 0.003, 0.05, 0.01
"""What becomes of the report of somebody who worked; every other one is accepted the first time."""
ACCEPTED = 1 - NO_REPORT - RETURNED_FOR_GOOD - UNREVIEWED

PLACES = ((0.012, "uncertain"), (0.016, "unknown"), (0.026, "elsewhere"))
"""Cumulated chances of a zone that is not the one of the plan."""

OUTAGE_WEEKDAY, OUTAGE_STARTS, OUTAGE_ENDS = 1, time(6, 30), time(8, 20)
"""On one Tuesday in the middle of each period the network of some OPD is away all morning."""
OUTAGE_OPDS = 2
"""Of each arm so many: what it hides from us shall not move the comparison."""

_SHIFTS = ((420, 900), (900, 1380), (1380, 1860), None)
_FIVE_DAYS = ((450, 960),) * 4 + ((450, 990),)
_SIX_DAYS = ((450, 870),) * 4 + ((450, 690), (450, 780))
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A closed range of work dates."""

    first: date
    last: date

    def dates(self) -> Iterator[date]:
        return (self.first + timedelta(n) for n in range((self.last - self.first).days + 1))


@dataclass(frozen=True, slots=True)
class Design:
    """What the pilot is: all that decides what is drawn."""

    effect: float
    """By how much the trial moves the metric of the treated; below 0 for the worse."""
    metric: Metric
    margin: float
    count_by: CountBy
    weeks: int
    """Of the baseline, and as many of the trial."""
    first: date
    """The baseline's first day."""
    staff: int
    seed: int

    @property
    def pilot_id(self) -> str:
        """The same for the same design, wherever it is drawn."""
        return f"demo-{self.trial.first}-{uuid5(NAMESPACE, repr(self)).hex[:8]}"

    @property
    def baseline(self) -> Span:
        return Span(self.first, self.first + timedelta(days=7 * self.weeks - 1))

    @property
    def trial(self) -> Span:
        begins = self.first + timedelta(days=7 * self.weeks)
        return Span(begins, begins + timedelta(days=7 * self.weeks - 1))

    def dates(self) -> Iterator[date]:
        return Span(self.first, self.trial.last).dates()


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a report, and what the superior accepts of it if the report is accepted."""

    code: str
    name: str
    unit: str
    norm: float
    """Minutes that one of them takes."""
    quantity: int
    accepted: int


@dataclass(slots=True)
class PersonDay:
    """All that is recorded of one person's date. `day` is what it is judged by."""

    employee: Employee
    day: Day
    policy: str
    items: tuple[Item, ...] = ()
    report_id: str = ""
    reviewer: UUID | None = None
    counted: float = 0.0
    """The chance, before anything was drawn, that a report of this person-day is accepted."""


class _Task(NamedTuple):
    """A task of the catalogue; the norm is in minutes."""

    code: str
    name: str
    unit: str
    norm: float


@dataclass(frozen=True, slots=True)
class Person:
    """What stays with somebody from day to day."""

    employee: Employee
    reviewer: UUID
    on_time: float
    minutes: float
    at_home: bool
    """Whether a policy may send them home."""
    half: int
    tasks: tuple[_Task, ...]


class World:
    """The people of a city, and what becomes of them."""

    def __init__(self, city: City, design: Design) -> None:
        self.city, self.design = city, design
        codes = sorted({e.opd_code for e in city.employees.values()})
        # By the seed and the date, whatever the effect: two effects meet the same OPDs, people and luck of an OPD.
        dice = random.Random(f"{design.seed}:{design.first}")
        self.treated = tuple(sorted(dice.sample(codes, len(codes) // 2)))
        self.control = tuple(code for code in codes if code not in self.treated)
        self.outages = self._outages(dice)
        self.rules = Rules(
            tolerance_minutes=0,
            report_modes=frozenset({"WFO", "WFH", "DUTY_TRAVEL"}),
            report_cutoff=REPORT_CUTOFF,
            review_sla_working_days=3,
            holidays=frozenset(date.fromisoformat(row["date"]) for row in rows("holidays.csv")),
        )
        self._opds = {code: (_either(dice), _either(dice)) for code in codes}
        self._shocks = {code: (_either(dice), _either(dice)) for code in codes}
        self.people = self._everybody(dice)
        self._weeks: dict[int, dict[UUID, tuple[str, int, int]]] = {}

    def _everybody(self, dice: random.Random) -> list[Person]:
        city = self.city
        tasks = {
            kind: tuple(_Task(code, name, unit, float(norm)) for code, name, unit, norm, *_ in given["tasks"])
            for kind, given in tasks_of_the_day().items()
        }
        head = officers(city)[0]
        place: Counter[str] = Counter()
        people: list[Person] = []
        for employee in city.employees.values():
            unit = city.units[employee.unit_id]
            punctual, diligent = self._opds[employee.opd_code]
            people.append(
                Person(
                    employee,
                    employee.supervisor or head,
                    OPD_SPREAD * punctual + HABIT_SPREAD * _either(dice),
                    OPD_MINUTES * diligent + HABIT_MINUTES * _either(dice),
                    not (unit.is_service_point or unit.direct_service),
                    place[unit.unit_id] % 2,
                    tasks[kind_of_work(city, employee)],
                )
            )
            place[unit.unit_id] += 1
        return people

    def _outages(self, dice: random.Random) -> dict[date, Outage]:
        """By the date of which they hide the morning."""
        found: dict[date, Outage] = {}
        for span in (self.design.baseline, self.design.trial):
            later = (d for d in span.dates() if d - span.first >= (span.last - span.first) / 2)
            on = next(d for d in later if d.weekday() == OUTAGE_WEEKDAY)
            hit = [*dice.sample(self.treated, OUTAGE_OPDS), *dice.sample(self.control, OUTAGE_OPDS)]
            starts, ends = (datetime.combine(on, at, WIB) for at in (OUTAGE_STARTS, OUTAGE_ENDS))
            found[on] = Outage(starts, ends, opd_codes=frozenset(hit))
        return found

    def on_time_chance(self, person: Person, on: date) -> float:
        """The chance that somebody whose time can be told is on time: the truth that the pilot looks for.

        From CENTRE, all that moves it together moves it by SPREAD at most, so that it never leaves [0, 1] and the
        effect is never cut off.
        """
        effect = self._effect(person, on, "on_time_rate")
        room = max(0.0, self.design.effect) if self.design.metric == "on_time_rate" else 0.0
        shock = SHOCK_SPREAD * self._shocks[person.employee.opd_code][self._in_trial(on)]
        return min(CENTRE, 1 - SPREAD - room) + person.on_time + shock + WEEKDAYS[on.weekday()] + effect

    def accepted_minutes(self, person: Person, on: date, chance: float) -> float:
        """The expected accepted minutes of an accepted report, where a report is accepted with that `chance`.

        The output rate counts them over every person-day with work: whoever has none leaves their part of the
        effect to those who have.
        """
        effect = self._effect(person, on, "output_rate") * AVAILABLE_MINUTES / chance
        shock = SHOCK_MINUTES * self._shocks[person.employee.opd_code][self._in_trial(on)]
        return MINUTES + person.minutes + shock + effect

    def _effect(self, person: Person, on: date, metric: Metric) -> float:
        if self.design.metric != metric or not self._in_trial(on):
            return 0.0
        return self.design.effect if person.employee.opd_code in self.treated else 0.0

    def _in_trial(self, on: date) -> bool:
        return on >= self.design.trial.first

    def person_days(self, on: date) -> Iterator[PersonDay]:
        """Everybody with a plan for the date. Each date has dice of its own: dates may be drawn in any order."""
        dice = random.Random(f"{self.design.pilot_id}:{on}")
        away = self._away(on)
        stage_two = frozenset(self.treated) if self._in_trial(on) else frozenset[str]()
        for person in self.people:
            plan, policy = self._plan(person, on, away.get(person.employee.employee_id), stage_two)
            if plan is not None:
                yield _Drawn(self, person, dice, PersonDay(person.employee, Day(plan), policy)).person_day()

    def _plan(
        self, person: Person, on: date, absence: tuple[str, int, int] | None, stage_two: frozenset[str]
    ) -> tuple[Plan | None, str]:
        employee = person.employee
        hours = _hours(employee, on, holiday=on in self.rules.holidays)
        if hours is None:
            return None, ""
        id_, opd, unit = employee.employee_id, employee.opd_code, employee.unit_id
        rotates = opd in stage_two
        policy = "stage-2" if rotates else "stage-1"
        if absence is not None and absence[1] <= on.weekday() <= absence[2]:
            return Plan(id_, opd, unit, on, absence[0], None, None), policy
        home = person.at_home and ((on.toordinal() + person.half) % 2 == 0 if rotates else on.weekday() == 3)
        midnight = datetime.combine(on, time.min, WIB)
        starts, ends = (midnight + minutes * _MINUTE for minutes in hours)
        return Plan(id_, opd, unit, on, "WFH" if home else "WFO", starts, ends), policy

    def _away(self, on: date) -> dict[UUID, tuple[str, int, int]]:
        """Who is away in the week of a date: how, and from which weekday to which."""
        week = (on - self.design.first).days // 7
        if week not in self._weeks:
            dice = random.Random(f"{self.design.pilot_id}:week:{week}")
            away: dict[UUID, tuple[str, int, int]] = {}
            for person in self.people:
                chance = dice.random()
                if chance < WEEKS_LEAVE + WEEKS_TRAVEL:
                    first = dice.randint(0, 4)
                    mode = "LEAVE" if chance < WEEKS_LEAVE else "DUTY_TRAVEL"
                    away[person.employee.employee_id] = mode, first, min(6, first + dice.randint(0, 3))
            self._weeks = {week: away}
        return self._weeks[week]


def _hours(employee: Employee, on: date, *, holiday: bool) -> tuple[int, int] | None:
    """When somebody works, in minutes after the midnight that begins the date; None on a day of rest."""
    if employee.timetable == "shift":
        return _SHIFTS[(on.toordinal() + (employee.shift_group or 0)) % 4]
    if holiday:
        return None
    week = _SIX_DAYS if employee.timetable == "six_day" else _FIVE_DAYS
    return week[on.weekday()] if on.weekday() < len(week) else None


class _Drawn:
    """One person-day as it is drawn, in the order in which its day goes."""

    def __init__(self, world: World, person: Person, dice: random.Random, result: PersonDay) -> None:
        self._world, self._person, self._dice, self._result = world, person, dice, result
        self._plan = plan = result.day.plan
        result.reviewer = person.reviewer
        outage = world.outages.get(plan.work_date)
        self._outage = outage if outage is not None and outage.concerns(plan.opd_code, plan.unit_id) else None

    def person_day(self) -> PersonDay:
        plan = self._plan
        if plan.mode == "LEAVE":
            return self._result
        at_work, likely = True, 1.0
        if plan.starts_at is not None and plan.ends_at is not None:
            at_work, likely = self._works(plan.starts_at, plan.ends_at)
        self._result.counted = ACCEPTED * likely
        if at_work:
            self._report()
        return self._result

    def _works(self, starts: datetime, ends: datetime) -> tuple[bool, float]:
        """Draw the punches. Returns whether somebody came, and how likely that was."""
        dice, outage = self._dice, self._outage
        if (outage is not None and outage.overlaps(starts - 60 * _MINUTE, starts)) or dice.random() < UNSURE:
            self._came_unsure(starts, ends)
            return True, 1.0
        chance = self._world.on_time_chance(self._person, self._plan.work_date)
        likely = 1 - (1 - chance) * STAYS_AWAY
        if dice.random() < chance:
            self._punch("in", _early(starts, dice))
        elif dice.random() < STAYS_AWAY:
            return False, likely
        else:
            self._punch("in", starts + timedelta(seconds=int(6 + min(dice.expovariate(1 / 600), 6000))))
        self._leaves(ends)
        return True, likely

    def _came_unsure(self, starts: datetime, ends: datetime) -> None:
        """In time, by a clock that nobody can vouch for; handed over when there was a network again."""
        at = _early(starts, self._dice)
        received = max(self._outage.ends_at if self._outage else at, starts) + self._seconds(60, 1800)
        self._punch("in", at, received=received)
        self._leaves(ends)

    def _leaves(self, ends: datetime) -> None:
        chance = self._dice.random()
        if chance < 0.025:
            return  # a forgotten check-out
        if chance < 0.05:
            self._punch("out", ends - self._seconds(900, 5400))
        else:
            self._punch("out", ends + timedelta(seconds=int(5 + min(self._dice.expovariate(1 / 600), 7000))))

    def _punch(self, kind: str, at: datetime, *, received: datetime | None = None) -> None:
        chance = self._dice.random()
        usual = "remote" if self._plan.mode == "WFH" else "office"
        zone = next((zone for upto, zone in PLACES if chance < upto), usual)
        punch_id, on = _id(self._dice), self._plan.work_date
        self._result.day.punches.append(
            Punch(punch_id, on, kind, at, zone, received or at, verified=received is None)
        )

    def _report(self) -> None:
        chance = self._dice.random()
        if chance < NO_REPORT:
            return
        result, dice = self._result, self._dice
        result.report_id = _id(dice)
        result.items = self._items()
        chance -= NO_REPORT
        ends = self._plan.ends_at or datetime.combine(self._plan.work_date, time(16), WIB)
        submitted = ends + self._seconds(-1800, 1200)
        if chance < RETURNED_FOR_GOOD:
            self._revision(1, submitted, "returned")
        elif (chance := chance - RETURNED_FOR_GOOD) < UNREVIEWED:
            self._revision(1, submitted, None)
        elif (chance := chance - UNREVIEWED) < REVISED:
            again = self._revision(1, submitted, "returned") + self._seconds(600, 7200)
            self._revision(2, again, "accepted")
        elif chance - REVISED < AFTER_CUTOFF:
            cutoff = datetime.combine(ends.date(), REPORT_CUTOFF, WIB)
            self._revision(1, cutoff + self._seconds(60, 1200), "accepted")
        else:
            self._revision(1, submitted, "accepted")

    def _revision(self, number: int, submitted: datetime, decision: str | None) -> datetime:
        """One revision of the report, and what was decided of it; returns when."""
        day = self._result.day
        day.reports.append(Report(number, submitted))
        decided = submitted + self._seconds(1200, 64_800 if decision == "accepted" else 7200)
        if decision is not None:
            accepted = sum(item.accepted for item in self._result.items) if decision == "accepted" else 0
            day.reviews.append(Review(number, number, decided, decision, accepted))
        return decided

    def _items(self) -> tuple[Item, ...]:
        """One to three tasks of the catalogue whose accepted minutes come, in expectation, to those of the day.

        All but the last take whole pieces of their share; the last takes the rest, rounded up as often as it
        falls between two pieces. Now and then more was reported than was accepted.
        """
        dice, world, on = self._dice, self._world, self._plan.work_date
        left = world.accepted_minutes(self._person, on, self._result.counted) + DAY_MINUTES * _either(dice)
        chosen = dice.sample(self._person.tasks, k=dice.randint(1, min(3, len(self._person.tasks))))
        boasts = dice.randint(1, 3) if dice.random() < 0.15 else 0
        items: list[Item] = []
        for n, task in enumerate(chosen, start=1):
            last = n == len(chosen)
            wanted = left / task.norm
            pieces = int(wanted + dice.random()) if last else int(wanted * dice.random())
            left -= pieces * task.norm
            items.append(Item(*task, pieces + boasts * last, pieces))
        return tuple(items)

    def _seconds(self, least: int, most: int) -> timedelta:
        return timedelta(seconds=int(least + (most - least) * self._dice.random()))


def _either(dice: random.Random) -> float:
    """Between -1 and 1, nought on average, mostly near it."""
    return dice.random() - dice.random()


def _early(starts: datetime, dice: random.Random) -> datetime:
    """Six in ten come within ten minutes of the hour, the others up to fifty before that."""
    before = 600 * dice.random() if dice.random() < 0.6 else 600 + 3000 * dice.random() ** 1.6
    return starts - timedelta(seconds=int(before))


def _id(dice: random.Random) -> str:
    """A version 4 UUID (RFC 9562) of the dice, in its plain form."""
    text = f"{(dice.getrandbits(128) & ~(0xF << 76 | 0x3 << 62)) | 0x4 << 76 | 0x2 << 62:032x}"
    return "-".join(text[a:b] for a, b in pairwise((0, 8, 12, 16, 20, 32)))
