"""What a figure of a period is made of: a numerator, a denominator, and what is not known yet. Pure.

The parts of the single person-days, or of the dates of counters, add up to those of the figure, so that everybody
can add up again.
"""

from fractions import Fraction
from typing import Literal, NamedTuple

from services.reporting.domain.figures import DutyFigures
from services.reporting.domain.periods import DUTY_OF, MetricName, OpdTotals
from shared.events import State

Counted = Literal["person_days", "seconds", "minutes", "reports"]
Told = Literal["met", "not_met", "unknown"]
"""The states that a rate is made of."""

UNITS: dict[MetricName, Counted] = {
    **dict.fromkeys(DUTY_OF, "person_days"),
    "coverage_attainment": "seconds",
    "output_rate": "minutes",
    "rework_rate": "reports",
}
"""What the parts of a figure are counted in; of `rework_rate` the numerator is decisions about them."""

_US_PER_S = 1_000_000


class Part(NamedTuple):
    """value = numerator / denominator. What is `unknown` may yet come to the numerator, and where it is a duty's
    state to the denominator too. None where it is withheld from its reader."""

    numerator: float | None
    denominator: float | None
    unknown: float | None


def of_totals(figure: MetricName, totals: OpdTotals, available_minutes: float) -> Part:
    """The parts of a figure of a period."""
    if figure in DUTY_OF:
        return of_duty(totals.people.compliance.duties[DUTY_OF[figure]])
    if figure == "coverage_attainment":
        return of_time(totals.met_us, totals.open_us, totals.unknown_us)
    if figure == "output_rate":
        return of_output(totals.earned_minutes, totals.waiting_minutes, totals.person_days, available_minutes)
    return Part(totals.returned, totals.submitted, 0)


def of_duty(counted: DutyFigures) -> Part:
    """Of many person-days."""
    return Part(counted.met, counted.n, counted.unknown)


def of_state(state: State) -> Part:
    """Of one person-day."""
    return Part(int(state == "met"), int(state in ("met", "not_met")), int(state == "unknown"))


def of_time(met_us: int, open_us: int, unknown_us: int) -> Part:
    """Of counters; microseconds in, seconds out."""
    return Part(met_us / _US_PER_S, open_us / _US_PER_S, unknown_us / _US_PER_S)


def of_output(earned: Fraction, waiting: Fraction, person_days: int, available_minutes: float) -> Part:
    """Of so many person-days at work."""
    return Part(float(earned), float(person_days * Fraction(available_minutes)), float(waiting))
