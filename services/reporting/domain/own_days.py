"""Somebody's own days: which of them is the one that runs, and the dates of a month. Pure."""

import datetime as dt
from collections.abc import Collection
from typing import Protocol

REACH = dt.timedelta(hours=4)
"""How long before its start and after its end a plan still claims a punch (docs/rules.md#a-punch)."""

NEAR = dt.timedelta(days=1)
"""Plans of dates so far from today may be the one that runs: a night shift's end lies in the next date."""


class Planned(Protocol):
    """A plan, as far as it says which date runs."""

    @property
    def work_date(self) -> dt.date: ...
    @property
    def starts_at(self) -> dt.datetime | None: ...
    @property
    def ends_at(self) -> dt.datetime | None: ...


def running(today: dt.date, now: dt.datetime, plans: Collection[Planned]) -> dt.date:
    """The work date that a person is in at `now`: today, unless another date's hours are about and today's not.

    After midnight a night shift still is the date on which it began.
    """
    about = [
        plan.work_date
        for plan in plans
        if plan.starts_at is not None
        and plan.ends_at is not None
        and plan.starts_at - REACH <= now <= plan.ends_at + REACH
    ]
    return today if not about or today in about else min(about)


def month_of(first: dt.date) -> tuple[dt.date, dt.date]:
    """The first and the last date of the month that `first` lies in."""
    begin = first.replace(day=1)
    return begin, (begin + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
