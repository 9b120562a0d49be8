"""What a span of work dates comes to: sums of its dates, and the metrics of them (docs/proof.md#periods). Pure.

Sums are exact (numbers of people, whole microseconds, minutes as fractions), so that they are the same in
whatever order they are added.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

from services.reporting.domain.counters import Standing, Times, added
from services.reporting.domain.figures import Counted
from shared.events import Duty, Mode
from shared.refusals import FieldError

LONGEST_DAYS = 400
"""A year, and what is needed to begin it with a whole month or week."""

AVAILABLE_MINUTES = 300
"""Minutes of a person-day that are there for measured work: 1,250 hours a year in 250 days (MenPAN-RB 1/2020)."""
MOST_AVAILABLE_MINUTES = 24 * 60

AT_WORK: tuple[Mode, ...] = ("WFO", "WFH", "DUTY_TRAVEL")
"""The modes of a person-day in which something is to be produced."""

MetricName = Literal[
    "on_time_rate",
    "place_rate",
    "hours_rate",
    "report_rate",
    "output_accept_rate",
    "coverage_attainment",
    "output_rate",
    "rework_rate",
]
METRICS: tuple[MetricName, ...] = get_args(MetricName)

DUTY_OF: dict[MetricName, Duty] = {
    "on_time_rate": "on_time",
    "place_rate": "place",
    "hours_rate": "hours",
    "report_rate": "report",
    "output_accept_rate": "output",
}
"""The metrics that are the rate of a duty."""


class Metric(NamedTuple):
    """A share, and what it is at least and at most by what is not known yet; None for a share of nothing."""

    value: float | None
    low: float | None
    high: float | None


class Parts(NamedTuple):
    """What a metric's value is a share of: `above` of `below`. Those of several dates, or OPDs, are added."""

    above: int | Fraction
    below: int | Fraction


@dataclass(frozen=True, slots=True)
class Period:
    """A closed range of work dates."""

    first: dt.date
    last: dt.date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[dt.date]:
        return (self.first + dt.timedelta(days=n) for n in range(self.days))

    def __contains__(self, date: dt.date) -> bool:
        return self.first <= date <= self.last


Step = Literal["day", "week", "month"]


def cut(period: Period, by: Step) -> list[Period]:
    """The period in days, weeks from Monday on, or calendar months; the first and the last may be parts of one."""
    parts: list[Period] = []
    for date in period:
        begins = by == "day" or (date.weekday() == 0 if by == "week" else date.day == 1)
        first = date if begins or not parts else parts.pop().first
        parts.append(Period(first, date))
    return parts


def mistakes(
    period: Period, today: dt.date, known_from: dt.date | None, most: int = LONGEST_DAYS
) -> list[FieldError]:
    """What is wrong with a period that is looked at on the local date `today`, of which field.

    `known_from`: the first work date that anything is known of; None while nothing is. `most`: days.
    """
    if period.last < period.first:
        return [FieldError("to", "period.reversed", {"first": period.first})]
    if period.days > most:
        longest = period.first + dt.timedelta(days=most - 1)
        return [FieldError("to", "period.too_long", {"most": most, "last": longest})]
    if period.last > today:
        return [FieldError("to", "period.in_future", {"today": today})]
    if known_from is not None and period.last < known_from:
        return [FieldError("to", "period.before_first_fact", {"first": known_from})]
    return []


@dataclass(frozen=True)
class OpdTotals:
    """What some dates of an OPD, or of several, come to. They are added with `+`.

    `people`: person-days with a plan, by their states. Of service points: microseconds by status, and person
    microseconds wanted, filled and missing; `budget_us` is (1 - slo) x open. Of reports: `earned_minutes` by the
    norm of what was accepted, `waiting_minutes` by that of all that has no review yet; `submitted` person-days
    with a report, `reports_without_review` those of them that wait; `returned` decisions to return one.
    """

    people: Counted = field(default_factory=Counted)
    open_us: int = 0
    met_us: int = 0
    unknown_us: int = 0
    short_us: int = 0
    required_us: int = 0
    filled_us: int = 0
    missing_us: int = 0
    budget_us: Fraction = Fraction()
    earned_minutes: Fraction = Fraction()
    waiting_minutes: Fraction = Fraction()
    submitted: int = 0
    returned: int = 0
    reports_without_review: int = 0

    def __add__(self, other: "OpdTotals") -> "OpdTotals":
        return total((self, other))

    @property
    def times(self) -> Times:
        """What its service points' time comes to."""
        return Times(*(getattr(self, name) for name in Times._fields))

    def plans(self, *modes: Mode) -> int:
        """How many person-days have a plan of one of these modes."""
        return sum(n for states, n in self.people.items() if states.mode in modes)

    @property
    def person_days(self) -> int:
        """Person-days on which something is to be produced."""
        return self.plans(*AT_WORK)

    def plans_per_day(self, days: int) -> float:
        """The mean number of plans for office or home on each of so many days."""
        return self.plans("WFO", "WFH") / days

    def parts(self, metric: MetricName, available_minutes: float = AVAILABLE_MINUTES) -> Parts:
        """What the value of a metric is a share of."""
        match metric:
            case "coverage_attainment":
                return Parts(self.met_us, self.open_us)
            case "output_rate":
                return Parts(self.earned_minutes, self.person_days * Fraction(available_minutes))
            case "rework_rate":
                return Parts(self.returned, self.submitted)
            case _:
                rate = self.people.compliance.duties[DUTY_OF[metric]]
                return Parts(rate.met or 0, rate.n or 0)

    def metrics(self, available_minutes: float = AVAILABLE_MINUTES) -> dict[MetricName, Metric]:
        """Every metric. `available_minutes` of a person-day are there for measured work."""
        attainment = share(*self.parts("coverage_attainment"))
        duties = self.people.compliance.duties
        rework = share(*self.parts("rework_rate"))
        metrics = dict[MetricName, Metric]()
        for name, duty in DUTY_OF.items():
            metrics[name] = Metric(duties[duty].rate, duties[duty].low, duties[duty].high)
        metrics["coverage_attainment"] = Metric(
            attainment, attainment, share(self.met_us + self.unknown_us, self.open_us)
        )
        metrics["output_rate"] = output_rate(
            self.earned_minutes, self.waiting_minutes, self.person_days, available_minutes
        )
        metrics["rework_rate"] = Metric(rework, rework, rework)
        return metrics


def output_rate(earned: Fraction, waiting: Fraction, person_days: int, available_minutes: float) -> Metric:
    """Minutes earned by minutes available. What waits for a review counts at most in full, at least not at all."""
    available = person_days * Fraction(available_minutes)
    rate = share(earned, available)
    return Metric(rate, rate, share(earned + waiting, available))


def share(part: int | Fraction, whole: int | Fraction) -> float | None:
    """part / whole, correctly rounded; None when there is no whole."""
    return float(Fraction(part) / whole) if whole else None


def total(parts: Iterable[OpdTotals]) -> OpdTotals:
    """The sum of these; of none of them, nothing."""
    people, sums = Counted(), dict[str, Any]()
    for part in parts:
        people.update(part.people)
        for one in fields(part):
            if one.name != "people":
                sums[one.name] = sums.get(one.name, 0) + getattr(part, one.name)
    return OpdTotals(people, **sums)


@lru_cache(maxsize=1024)
def allowed(slo: float) -> Fraction:
    """The share of its opening time in which a service point may be short, as people write its target: of 0.99 one
    hundredth, not 0.010000000000000009."""
    return 1 - Fraction(repr(slo))


def of_counters(standings: Iterable[Standing]) -> OpdTotals:
    """What these service points' dates come to."""
    points = list(standings)
    return OpdTotals(
        **added(one.times for one in points)._asdict(),
        budget_us=sum((allowed(one.point.slo) * one.times.open_us for one in points), Fraction()),
    )
