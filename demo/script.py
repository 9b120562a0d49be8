"""Who does what, and when, on the day: a seeded script made from the published plans.

The script only says what each person's app will send. Whether that is on time, in the right place or enough is for
the services to judge, and for `expect` to check.
"""

from __future__ import annotations

import math
import random
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

from demo.city import NAMESPACE, SHORT_COUNTER, City, Employee
from demo.expect import WIB, Plan
from demo.people import DATA, Place, moved

MINUTE = timedelta(minutes=1)
OUTAGE_OPDS = ("KEC01", "KEC02", "KEC03", "DISDUKCAPIL", "DISNAKER")
OUTAGE_STARTS, OUTAGE_MINUTES = time(7, 20), 10
REPORT_CUTOFF = time(23, 30)
LATE_CHANGE_AT, LATE_CHANGE_AGREED_AT = time(9, 5), time(9, 20)
NEW_HOURS = ("08:00", "16:30")
"""The hours of one office for today, corrected when its day has begun: two officers answer for it."""


@dataclass(frozen=True)
class Position:
    lat: float
    lon: float
    accuracy_m: float


@dataclass(frozen=True)
class Tap:
    """One press of the button; `repeats` presses more of the same (a nervous thumb, a lost answer)."""

    punch_id: UUID
    kind: str
    position: Position | None
    repeats: int = 0


@dataclass(frozen=True)
class Phone:
    """What a person carries: it counts honestly since its start; its clock may be set wrong, on purpose or not."""

    device_id: str
    started: datetime
    clock_ahead: timedelta
    restarted: datetime | None

    def counted(self, at: datetime, sequence: int) -> dict[str, Any]:
        """What an app sends of the moment `at`."""
        again = self.restarted is not None and self.restarted <= at
        since = self.restarted if again and self.restarted is not None else self.started
        return {
            "device_id": self.device_id,
            "boot_id": f"{self.device_id}:{2 if again else 1}",
            "elapsed_ms": (at - since) // timedelta(milliseconds=1),
            "sequence": sequence,
        }


def phone_of(employee_id: UUID, day: date, seed: int) -> Phone | None:
    """The phone that a person carries on the day; None with an app too old to say what it counts.

    Of a hundred apps four are old; five phones have a clock that is off by hours, four start again at 07:00.
    """
    dice = random.Random(f"{seed}:phone:{employee_id}")
    midnight = datetime.combine(day, time.min, WIB)
    chance = dice.random()
    if chance < 0.04:
        return None
    return Phone(
        str(uuid5(NAMESPACE, f"phone:{employee_id}")),
        midnight - timedelta(days=2) - dice.uniform(1, 60 * 24 * 20) * MINUTE,
        dice.choice([-3, -1, 1, 5]) * 60 * MINUTE if chance < 0.09 else dice.uniform(-60, 60) * MINUTE / 60,
        midnight + timedelta(hours=7, minutes=dice.uniform(0, 20)) if 0.09 <= chance < 0.13 else None,
    )


def lent(city: City) -> dict[UUID, UUID]:
    """Who checks in with a colleague's phone, and whose: of each hundred and fifty people one has none today."""
    found: dict[UUID, UUID] = {}
    people = list(city.employees.values())
    for before, person in pairwise(people):
        if person.number % 150 == 0 and before.unit_id == person.unit_id:
            found[person.employee_id] = before.employee_id
    return found


def makes_up(employee_id: UUID, seed: int) -> bool:
    """Whether an app on the person's phone makes its positions up: of a thousand people on four of them."""
    return random.Random(f"{seed}:made up:{employee_id}").random() < 0.004


@dataclass(frozen=True)
class Step:
    """Something one app does at a business instant."""

    at: datetime
    employee_id: UUID


@dataclass(frozen=True)
class PunchStep(Step):
    tap: Tap


@dataclass(frozen=True)
class OfflineStep(Step):
    """The app was without a network at `tapped` and hands its punch over at `at`."""

    tapped: datetime
    tap: Tap


@dataclass(frozen=True)
class ExchangeStep(Step):
    """The app is opened while connected and tells what its phone counts."""


@dataclass(frozen=True)
class ReportStep(Step):
    work_date: date
    items: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class ReviewStep(Step):
    """`employee_id` is the superior's."""

    author: UUID
    work_date: date
    report_id: str
    report_revision: int
    items: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class OutageStep(Step):
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class HoursStep(Step):
    """One officer corrects the hours of a unit for a day that has begun; `second` agrees later."""

    unit_id: str
    second: UUID


@dataclass(frozen=True)
class AgreeStep(Step):
    """The second officer has read the list of a proposal and agrees."""

    proposal_id: str
    unit_id: str


def officers(city: City) -> tuple[UUID, UUID]:
    """Two people of BKPSDM: its head, and one who answers beside them."""
    first = next(e for e in city.employees.values() if "BKPSDM" in e.heads)
    others = [e for e in city.employees.values() if e is not first]
    second = next((e for e in others if city.units[e.unit_id].opd_code == "BKPSDM"), others[0])
    return first.employee_id, second.employee_id


def corrected_unit(city: City, plans: list[Plan], day: date) -> str | None:
    """The first office outside the outage that works on the day at the usual hours; None if there is none."""
    working = {p.unit_id for p in plans if p.work_date == day and p.starts_at is not None}
    offices = (
        unit_id
        for unit_id, unit in sorted(city.units.items())
        if not unit.is_service_point and unit.timetable == "five_day" and unit.opd_code not in OUTAGE_OPDS
    )
    return next((unit_id for unit_id in offices if unit_id in working), None)


def script(city: City, plans: list[Plan], day: date, seed: int) -> list[Step]:
    """What is known beforehand, in time order. Reviews follow from the reports' answers: see `review_after`."""
    tasks = tasks_of_the_day()
    # All but one of the people of this counter come two hours late.
    late_desk = {e.employee_id for e in city.employees.values() if e.unit_id == SHORT_COUNTER and not e.heads}
    steps: list[Step] = []
    outage_starts = datetime.combine(day, OUTAGE_STARTS, WIB)
    outage_ends = outage_starts + OUTAGE_MINUTES * MINUTE
    for plan in plans:
        if plan.starts_at is None or plan.ends_at is None or plan.mode not in ("WFO", "WFH"):
            continue
        person = city.employees[plan.employee_id]
        dice = random.Random(f"{seed}:{plan.work_date}:{person.number}")
        pinned = makes_up(person.employee_id, seed)
        one = _Person(city, person, plan, plan.starts_at, plan.ends_at, dice, pinned)
        if plan.work_date < day and plan.ends_at <= datetime.combine(day, time.min, WIB):
            continue  # the day before matters only for the shift that is still at its post at midnight
        punches = one.punches(late=person.employee_id in late_desk)
        if plan.opd_code in OUTAGE_OPDS:
            punches = [_through_outage(p, outage_starts, outage_ends, dice) for p in punches]
            # Whoever sat in the bus with the app open lets it tell the time of what follows.
            steps += [
                ExchangeStep(punch.tapped - timedelta(minutes=20 + person.number % 60), person.employee_id)
                for punch in punches
                if isinstance(punch, OfflineStep) and person.number % 5
            ]
        steps += punches
        if plan.work_date == day and plan.ends_at.astimezone(WIB).date() == day:
            steps += one.report(kind_of_work(city, person), tasks)
    officer, second = officers(city)
    steps.append(OutageStep(outage_ends + MINUTE, officer, outage_starts, outage_ends))
    unit_id = corrected_unit(city, plans, day)
    if unit_id is not None:
        steps.append(HoursStep(datetime.combine(day, LATE_CHANGE_AT, WIB), officer, unit_id, second))
    steps.sort(key=lambda s: (s.at, str(s.employee_id)))
    return steps


def tasks_of_the_day() -> dict[str, dict[str, list[list[Any]]]]:
    """What people of each kind of unit report."""
    return tomllib.loads((DATA / "tasks.toml").read_text("utf-8"))


def norms() -> dict[str, float]:
    """Minutes that one unit of each task takes, by its code."""
    return {code: norm for kind in tasks_of_the_day().values() for code, _, _, norm, _, _ in kind["tasks"]}


def kind_of_work(city: City, person: Employee) -> str:
    unit = city.units[person.unit_id]
    if unit.pattern is not None:
        return unit.pattern
    return "school" if unit.direct_service and unit.opd_code == "DISDIK" else "office"


def _through_outage(step: Step, starts: datetime, ends: datetime, dice: random.Random) -> Step:
    """In the outage most apps keep the punch and hand it over afterwards; with old ones one has to tap again."""
    if not isinstance(step, PunchStep) or not starts <= step.at < ends:
        return step
    back = ends + dice.uniform(0.5, 6) * MINUTE
    if dice.random() < 0.7:
        return OfflineStep(back, step.employee_id, step.at, step.tap)
    return PunchStep(back, step.employee_id, step.tap)


@dataclass
class _Person:
    city: City
    person: Employee
    plan: Plan
    starts: datetime
    ends: datetime
    dice: random.Random
    pinned: bool
    """Their position is one that somebody typed in."""

    def punches(self, *, late: bool) -> list[Step]:
        """The day's check-ins and check-outs; none for the few who do not turn up."""
        dice = self.dice
        shift = self.person.timetable == "shift"
        if dice.random() < (0.008 if shift else 0.02) and not late:
            return []
        came = self.starts + dice.uniform(115, 150) * MINUTE if late else self._arrival(shift=shift)
        steps: list[Step] = [self._punch("in", came, first=True)]
        if not shift and dice.random() < 0.06:
            out = datetime.combine(self.plan.work_date, time(12), WIB) + dice.uniform(0, 15) * MINUTE
            if came < out < self.ends - 90 * MINUTE:
                steps += [self._punch("out", out), self._punch("in", out + dice.uniform(20, 60) * MINUTE)]
        chance = dice.random()
        if chance < 0.03:
            return steps  # a forgotten check-out
        leaves = self.ends - dice.uniform(15, 90) * MINUTE if chance < 0.05 else self._departure(shift=shift)
        steps.append(self._punch("out", leaves))
        return steps

    def _arrival(self, *, shift: bool) -> datetime:
        dice, chance = self.dice, self.dice.random()
        if shift:
            return self.starts + (dice.uniform(2, 40) if chance < 0.02 else dice.uniform(-24, -4)) * MINUTE
        if chance < 0.04:
            return self.starts + min(0.1 + dice.expovariate(1 / 6), 100) * MINUTE
        if chance < 0.62:
            return self.starts - dice.uniform(1.5, 10) * MINUTE
        return self.starts - (10 + 50 * dice.random() ** 1.6) * MINUTE

    def _departure(self, *, shift: bool) -> datetime:
        return self.ends + (self.dice.uniform(2, 12) if shift else 0.1 + self.dice.expovariate(1 / 8)) * MINUTE

    def _punch(self, kind: str, at: datetime, *, first: bool = False) -> PunchStep:
        name = f"{self.plan.work_date}:{self.person.employee_id}:{kind}:{at.isoformat()}"
        repeats = 1 if self.dice.random() < 0.02 else 0
        tap = Tap(uuid5(NAMESPACE, name), kind, self._position(first=first), repeats)
        return PunchStep(at, self.person.employee_id, tap)

    def _position(self, *, first: bool) -> Position | None:
        dice, home = self.dice, self.person.home
        office = self.city.units[self.plan.unit_id].place
        here = home if self.plan.mode == "WFH" else office
        chance = dice.random()
        if self.pinned:
            return Position(round(here.lat + 0.000123, 6), round(here.lon + 0.000045, 6), 3.0)
        if chance < 0.01:
            return None  # no fix, or no permission
        if chance < 0.03:
            return _near(here, dice, metres=(0.7 * here.radius_m, 1.2 * here.radius_m), accuracy=(60, 250))
        if first and chance < 0.045:
            return _near(here, dice, metres=(900, 6000), accuracy=(5, 30))  # a café, a market, another town
        if first and chance < 0.05 and self.plan.mode == "WFO":
            here = home  # not where the plan says
        return _near(here, dice, metres=(0, 35), accuracy=(4, 25))

    def report(self, kind: str, tasks: dict[str, Any]) -> list[Step]:
        """The day's report: measured, empty, after the cut-off or none."""
        dice, chance = self.dice, self.dice.random()
        if chance < 0.035:
            return []
        at = self.ends + (dice.uniform(-30, 20) if dice.random() < 0.8 else dice.uniform(20, 60)) * MINUTE
        if chance < 0.045:
            at = datetime.combine(self.plan.work_date, REPORT_CUTOFF, WIB) + dice.uniform(1, 20) * MINUTE
        at = min(at, datetime.combine(self.plan.work_date, time(23, 55), WIB))
        items = () if chance < 0.06 else measured(dice, tasks[kind]["tasks"])
        return [ReportStep(at, self.person.employee_id, self.plan.work_date, items)]


def measured(dice: random.Random, tasks: list[list[Any]]) -> tuple[dict[str, Any], ...]:
    """One to three items of measured output by the catalogue, and now and then one that it does not hold."""
    chosen = dice.sample(tasks, k=dice.randint(1, min(3, len(tasks))))
    items: list[dict[str, Any]] = [
        {"item_id": f"item-{n}", "task_code": code, "quantity": dice.randint(least, most), "unit": unit}
        for n, (code, _, unit, _, least, most) in enumerate(chosen, start=1)
    ]
    if dice.random() < 0.1:
        items.append({"item_id": "other", "task": "Membantu bagian lain", "quantity": 1, "unit": "kegiatan"})
    return tuple(items)


def _near(
    place: Place, dice: random.Random, *, metres: tuple[float, float], accuracy: tuple[float, float]
) -> Position:
    distance, angle = dice.uniform(*metres) / 1000, dice.uniform(0, 2 * math.pi)
    lat, lon = moved(place.lat, place.lon, north_km=distance * math.sin(angle), east_km=distance * math.cos(angle))
    return Position(round(lat, 6), round(lon, 6), round(dice.uniform(*accuracy), 1))


# ---- reactions to answers: the dice are thrown by report and revision, so they do not depend on who is first


def review_after(
    city: City, report: ReportStep, *, report_id: str, revision: int, submitted_at: datetime, seed: int
) -> ReviewStep | None:
    """When and by whom a revision will be reviewed this day; None for a superior who stays silent."""
    superior = city.employees[report.employee_id].supervisor
    dice = random.Random(f"{seed}:review:{report.employee_id}:{revision}")
    chance = dice.random()
    if superior is None or chance < 0.12:
        return None
    at = submitted_at + dice.uniform(5, 75) * MINUTE
    if chance < 0.2:
        at = max(at, datetime.combine(report.work_date, time(19), WIB) + dice.uniform(0, 90) * MINUTE)
    if at >= datetime.combine(report.work_date, time(23, 58), WIB):
        return None
    return ReviewStep(at, superior, report.employee_id, report.work_date, report_id, revision, report.items)


def decision(review: ReviewStep, seed: int) -> tuple[str, list[dict[str, Any]]]:
    """What the superior decides: `accepted` or `returned`, with the accepted quantity of each item."""
    dice = random.Random(f"{seed}:decision:{review.author}:{review.report_revision}")
    returned = 0.85 if not review.items else 0.1 if review.report_revision == 1 else 0.02
    if dice.random() < returned:
        return "returned", []
    cut = dice.choice([1.0, 1.0, 1.0, 0.9, 0.5])
    return "accepted", [
        {"item_id": i["item_id"], "accepted_quantity": int(i["quantity"] * cut)} for i in review.items
    ]


def revise_after(review: ReviewStep, reviewed_at: datetime, seed: int) -> ReportStep | None:
    """The author's better report after one was returned; None for one who leaves it until tomorrow."""
    dice = random.Random(f"{seed}:revise:{review.author}:{review.report_revision}")
    at = reviewed_at + dice.uniform(10, 50) * MINUTE
    if dice.random() < 0.25 or at >= datetime.combine(review.work_date, time(23, 50), WIB):
        return None
    again = tuple({**i, "quantity": i["quantity"] + 1} for i in review.items)
    items = again or ({"item_id": "item-1", "task": "Menyusun laporan harian", "quantity": 1, "unit": "laporan"},)
    return ReportStep(at, review.author, review.work_date, items)
