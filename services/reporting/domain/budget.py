"""The error budget of service points: how fast it is spent, and when that is said (docs/rules.md#coverage). Pure.

Windows of opening time, long and short together: B. Beyer and others, The Site Reliability Workbook (2018),
chapter 5, adapted to counters that are closed most of the time (docs/decisions/0045-the-budget-of-a-counter.md). A
closed counter neither spends nor earns, so nothing is measured in hours of the clock.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import islice
from typing import Literal, NamedTuple, get_args

from services.reporting.domain.counters import Piece, Service, service
from services.reporting.domain.periods import OpdTotals, allowed
from shared.events import BudgetWindow

_MICROSECOND = dt.timedelta(microseconds=1)
_MILLISECOND_US = 1000
_MINUTE_US = 60_000_000

HOUR_US = 60 * _MINUTE_US
DAY_US = 8 * HOUR_US
"""A day of opening: so much opening time, on however many dates."""
WEEK_DATES, MONTH_DATES = 5, 20
"""Dates on which the counter was open, today's among them as far as it is over."""
LEAST_DATES = 5
"""Of a month that has fewer nothing is said: an hour would be a large part of it."""
CALENDAR_DAYS = 60
"""No further back are open dates looked for: the longest holidays leave twenty of them in it."""

DAY_RATE, WEEK_RATE, MONTH_RATE = 4, 2, 1
"""A fifth of a month's budget in a day, half in a week: at slo 0.99 19 minutes of eight hours, 48 of forty."""

WINDOWS: tuple[BudgetWindow, ...] = get_args(BudgetWindow)

LOOK_AGAIN = dt.timedelta(minutes=1)
"""So long after a look the next one, while opening time alone can change what is said."""

BudgetStatus = Literal["burning", "spent", "recovered"]


class Spell(NamedTuple):
    """Opening time, and how much of it was short of people: microseconds."""

    open_us: int = 0
    short_us: int = 0


class Spending(NamedTuple):
    """How it stands with one window: whether it burns, and what was spent in its long part of which budget."""

    burns: bool
    long: Spell
    slo: float

    @property
    def burn_rate(self) -> float | None:
        return burn_rate(self.long.short_us, budget_us(self.long.open_us, self.slo))

    @property
    def spent_minutes(self) -> float:
        return self.long.short_us / _MINUTE_US

    @property
    def budget_minutes(self) -> float:
        return float(budget_us(self.long.open_us, self.slo) / _MINUTE_US)


def budget_us(open_us: int, slo: float) -> Fraction:
    """The microseconds of opening time in which a service point may be short."""
    return allowed(slo) * open_us


def burn_rate(spent_us: int, budget: Fraction) -> float | None:
    """How fast a budget is spent: 1 spends it exactly. None without a budget; less than a millisecond is none."""
    return float(spent_us / budget) if budget >= _MILLISECOND_US else None


class ServiceFigures(Service):
    """How service was kept over some dates: exact sums of what each of them shows. `low` and `high` bound the
    attainment; `burn_rate` 1 spends the budget exactly. A share of nothing is null."""

    burn_rate: float | None


def service_figures(totals: OpdTotals) -> ServiceFigures:
    """The service of what was added up: of a service point, an OPD or several."""
    return ServiceFigures(
        **service(totals.times, float(totals.budget_us / _MINUTE_US)),
        burn_rate=burn_rate(totals.short_us, totals.budget_us),
    )


def latest(pieces: Sequence[Piece], open_us: int) -> Spell:
    """The latest so much opening time of consecutive pieces, or all of it where there is less."""
    found, short = 0, 0
    for piece in reversed(pieces):
        if piece.status == "closed":
            continue
        us = min((piece.until_at - piece.from_at) // _MICROSECOND, open_us - found)
        found += us
        short += us if piece.status == "short" else 0
        if found == open_us:
            break
    return Spell(found, short)


def dates_of_a_day(dates: Iterable[Spell]) -> int:
    """On how many of these dates, the latest first, a day of opening time lies."""
    found = count = 0
    for date in dates:
        count, found = count + 1, found + date.open_us
        if found >= DAY_US:
            break
    return count


def spending(slo: float, dates: Sequence[Spell], pieces: Sequence[Piece]) -> dict[BudgetWindow, Spending]:
    """The windows of a service point: `dates` on which it was open, the latest first, and the `pieces` of those on
    which its latest day of opening lies (`dates_of_a_day`), in order of time.

    A window burns where both of its parts spend at its rate. One whose short part is not over yet burns not: of
    ten minutes nothing follows.
    """
    day, hour = latest(pieces, DAY_US), latest(pieces, HOUR_US)
    week, month = _sum(islice(dates, WEEK_DATES)), _sum(islice(dates, MONTH_DATES))
    over_hour, over_day = hour.open_us >= HOUR_US, day.open_us >= DAY_US
    return {
        "day": Spending(over_hour and _at(DAY_RATE, slo, day) and _at(DAY_RATE, slo, hour), day, slo),
        "week": Spending(over_day and _at(WEEK_RATE, slo, week) and _at(WEEK_RATE, slo, day), week, slo),
        "month": Spending(len(dates) >= LEAST_DATES and _at(MONTH_RATE, slo, month), month, slo),
    }


def status_of(window: BudgetWindow) -> BudgetStatus:
    """What is said of a window that burns."""
    return "spent" if window == "month" else "burning"


def _sum(spells: Iterable[Spell]) -> Spell:
    found = list(spells)
    return Spell(sum(spell.open_us for spell in found), sum(spell.short_us for spell in found))


def _at(rate: int, slo: float, spell: Spell) -> bool:
    """Whether a spell spends at a rate; one that is short all the time does at any, for no counter can do more."""
    spent = spell.short_us
    return spent > 0 and (spent >= rate * budget_us(spell.open_us, slo) or spent == spell.open_us)


def look_again(now: dt.datetime, rest: Sequence[Piece], tomorrow: dt.datetime, *, said: bool) -> dt.datetime:
    """When opening time alone may next change what is said of a service point, if nothing more is recorded.

    `rest` are the pieces of today that are not over, `tomorrow` is the midnight that ends it. `said`: something
    burns.
    """
    for piece in rest:
        if piece.status == "short" or (said and piece.status != "closed"):
            return min(max(now + LOOK_AGAIN, piece.from_at), tomorrow)
    return tomorrow
