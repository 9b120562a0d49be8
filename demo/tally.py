"""The demonstration's own count of what it wrote: each OPD's figures by date, and the pilot's metric from them.

A second opinion of the sums, as `expect` is of a single day: it knows what was recorded and the rules, and shares
no code with the services.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from demo.board import service_points
from demo.expect import MICROSECOND, ServicePoint, presence, rates, verdicts
from demo.trial import AVAILABLE_MINUTES, WIB, PersonDay, Span, World
from shared.events import DUTIES

Stay = tuple[datetime, datetime, str]
"""From when to when somebody was in, and the zone of it (as of `expect.presence`)."""


class Value(NamedTuple):
    """A metric and its bounds; None where nothing was counted."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(slots=True)
class Cell:
    """One OPD on one date."""

    modes: Counter[str] = field(default_factory=Counter[str])
    states: dict[str, Counter[str]] = field(default_factory=lambda: {duty: Counter[str]() for duty in DUTIES})
    open_us: int = 0
    met_us: int = 0
    person_days: int = 0
    """With work: at the office, at home or on a journey."""
    earned: float = 0.0
    """Accepted minutes."""
    waiting: float = 0.0
    """Minutes of reports that nobody has reviewed."""
    unreviewed: int = 0
    submitted: int = 0
    returned: int = 0

    def shown(self) -> dict[str, Any]:
        """The cell as the board's door shows it, as far as it is about more than the instant."""
        return {
            "employees": sum(self.modes.values()),
            "modes": dict(self.modes),
            "duties": {duty: rates(count) for duty, count in self.states.items()},
            "coverage": {"attainment": self.met_us / self.open_us if self.open_us else None},
        }


class Tally:
    """All cells of a pilot, as of one instant after it."""

    def __init__(self, world: World, as_of: datetime) -> None:
        self._world, self._as_of = world, as_of
        self._outages = list(world.outages.values())
        self._points: dict[str, ServicePoint] = {}
        self._nights: dict[str, list[Stay]] = {}
        """By unit the stays of the date before the next one that is added: a night shift reaches into it."""
        self.cells: dict[date, dict[str, Cell]] = {}

    def add(self, on: date, people: Iterable[PersonDay]) -> None:
        """Count one date; the dates come in their order."""
        cells = self.cells[on] = defaultdict(Cell)
        stays: dict[str, list[Stay]] = defaultdict(list)
        counters = {unit.unit_id for unit in self._world.city.service_points()}
        for one in people:
            plan = one.day.plan
            cell = cells[plan.opd_code]
            cell.modes[plan.mode] += 1
            for duty, state in verdicts(one.day, self._outages, self._world.rules, self._as_of).items():
                cell.states[duty][state] += 1
            _add_output(cell, one)
            if plan.unit_id in counters:
                stays[plan.unit_id] += presence(one.day, self._as_of)
        holiday = on in self._world.rules.holidays
        for point in service_points(self._world.city, on):
            there = [*self._nights.get(point.unit_id, ()), *stays.get(point.unit_id, ())]
            met, opened = covered(point, there, on, holiday=holiday)
            cell = cells[point.opd_code]
            cell.met_us += met
            cell.open_us += opened
        self._nights = stays

    def metric(self, opd_code: str, span: Span) -> Value:
        """The pilot's metric of an OPD over a period."""
        if self._world.design.metric == "on_time_rate":
            cells = (self.cells[on].get(opd_code, Cell()) for on in span.dates())
            count: Counter[str] = sum((cell.states["on_time"] for cell in cells), Counter[str]())
            figures = rates(count)
            return Value(figures["rate"], figures["low"], figures["high"])
        output = self.output(opd_code, span)
        return Value(output["output_rate"], output["output_rate"], output["output_rate_high"])

    def output(self, opd_code: str, span: Span) -> dict[str, Any]:
        """What an OPD produced in a period, as the door of output shows it."""
        cells = [self.cells[on].get(opd_code, Cell()) for on in span.dates()]
        person_days = sum(cell.person_days for cell in cells)
        earned, waiting = sum(cell.earned for cell in cells), sum(cell.waiting for cell in cells)
        submitted, returned = sum(cell.submitted for cell in cells), sum(cell.returned for cell in cells)
        available = person_days * AVAILABLE_MINUTES
        return {
            "person_days": person_days,
            "earned_minutes": earned,
            "waiting_minutes": waiting,
            "output_rate": earned / available if available else None,
            "output_rate_high": (earned + waiting) / available if available else None,
            "submitted": submitted,
            "returned": returned,
            "rework_rate": returned / submitted if submitted else None,
            "reports_without_review": sum(cell.unreviewed for cell in cells),
        }

    def weight(self, opd_code: str) -> float:
        """How much an OPD counts: one vote, or its mean number of plans with hours on a trial day."""
        design = self._world.design
        if design.count_by == "opd":
            return 1.0
        dates = list(design.trial.dates())
        plans = sum(
            cell.modes["WFO"] + cell.modes["WFH"]
            for on in dates
            if (cell := self.cells[on].get(opd_code)) is not None
        )
        return plans / len(dates)

    def estimate(self) -> float | None:
        """How much more the treated gained than the others; None where an OPD has nothing to be measured by."""
        world = self._world
        means: list[float] = []
        for arm in (world.treated, world.control):
            weighted: list[tuple[float, float]] = []
            for code in arm:
                before = self.metric(code, world.design.baseline).value
                after = self.metric(code, world.design.trial).value
                if before is None or after is None:
                    return None
                weighted.append((self.weight(code), after - before))
            means.append(math.fsum(w * d for w, d in weighted) / math.fsum(w for w, _ in weighted))
        return means[0] - means[1]


def _add_output(cell: Cell, one: PersonDay) -> None:
    day = one.day
    if day.plan.mode == "LEAVE":
        return
    cell.person_days += 1
    cell.submitted += bool(day.reports)
    cell.returned += sum(review.decision == "returned" for review in day.reviews)
    if not day.reports:
        return
    latest = max(report.revision for report in day.reports)
    decided = [review for review in day.reviews if review.report_revision == latest]
    if not decided:
        cell.unreviewed += 1
        cell.waiting += sum(item.quantity * item.norm for item in one.items)
    elif max(decided, key=lambda review: review.revision).decision == "accepted":
        cell.earned += sum(item.accepted * item.norm for item in one.items)


def covered(point: ServicePoint, stays: Iterable[Stay], on: date, *, holiday: bool) -> tuple[int, int]:
    """For how many microseconds of a date a service point was staffed for certain, and open.

    Nobody is in twice at one instant: each stay is another pair of hands.
    """
    starts = datetime.combine(on, time.min, WIB)
    ends = starts + timedelta(days=1)
    openings = [
        opening
        for opening in point.openings
        if on.weekday() in opening.weekdays and (opening.on_holidays or not holiday)
    ]
    if not openings:
        return 0, 0
    change: Counter[datetime] = Counter()
    for begin, end, zone in stays:
        if zone == "office" and begin < ends and end > starts:
            change[max(begin, starts)] += 1
            change[min(end, ends)] -= 1
    edges = sorted({starts, ends, *change, *(edge for o in openings for edge in (o.opens, o.closes))})
    present = met = opened = 0
    for begin, end in pairwise(edges):
        present += change[begin]
        required = max((o.min_staff for o in openings if o.opens <= begin < o.closes), default=None)
        if required is not None:
            opened += (end - begin) // MICROSECOND
            met += (end - begin) // MICROSECOND * (present >= required)
    return met, opened


def leaves(value: Any) -> int:
    """How many figures a view holds."""
    if isinstance(value, Mapping):
        return sum(leaves(one) for one in value.values())
    return 1
