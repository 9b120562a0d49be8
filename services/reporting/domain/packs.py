"""Whom a pack counts together, so that it tells no more of few people than the board of one date. Pure.

The council may ask for any period, and for two that differ by a date. So who is counted together is decided date
by date, by who has a plan: a date adds the same groups to every pack, and the difference of two packs is made of
groups as large as those that a single pack shows.
"""

import calendar
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from services.reporting.domain.disclosure import FEW, MANY, counted_together
from services.reporting.domain.periods import OpdTotals, Period, total

TOGETHER = ""
"""In the place of an opd_code: those who are counted together."""


def whole_months(period: Period) -> bool:
    """Whether it goes from the first date of a month to the last of one."""
    last_of_month = calendar.monthrange(period.last.year, period.last.month)[-1]
    return period.first.day == 1 and period.last.day == last_of_month


def fewest_shown(period: Period) -> int:
    """A group of a date is shown by itself from so many people on.

    FEW in whole months, whose differences are months; else MANY, for the difference of two periods may be a date.
    """
    return FEW if whole_months(period) else MANY


@dataclass(frozen=True, slots=True)
class Group:
    """People who are shown in one line: those of an OPD, of a week, of the city, or some who are counted together.

    `busiest` is how many of them had a plan on the date that had most.
    """

    totals: OpdTotals
    busiest: int


class Sums:
    """What the dates of a period add up to. Each date is added once."""

    def __init__(self, fewest: int) -> None:
        self._fewest = fewest
        self._parts: dict[str, list[OpdTotals]] = {}
        self._busiest: dict[str, int] = {}
        self._weeks: dict[dt.date, list[OpdTotals]] = {}
        self._people: dict[dt.date, int] = {}
        self.together: set[str] = set()
        """OPDs that are counted together on some date."""

    def add(self, date: dt.date, opds: Mapping[str, OpdTotals]) -> None:
        """Take a date in."""
        people = {code: totals.people.total() for code, totals in opds.items()}
        together = counted_together(people, self._fewest)
        self.together |= together
        grouped: dict[str, int] = {}
        for code, totals in opds.items():
            group = TOGETHER if code in together else code
            self._parts.setdefault(group, []).append(totals)
            grouped[group] = grouped.get(group, 0) + people[code]
        for group, n in grouped.items():
            self._busiest[group] = max(self._busiest.get(group, 0), n)
        self._people[date] = sum(people.values())
        self._weeks.setdefault(date - dt.timedelta(days=date.weekday()), []).extend(opds.values())

    def opds(self) -> dict[str, Group]:
        """By opd_code, and under TOGETHER those who are counted together."""
        return {code: Group(total(parts), self._busiest[code]) for code, parts in sorted(self._parts.items())}

    def weeks(self) -> dict[dt.date, Group]:
        """The city by the Monday of each week."""
        return {
            monday: Group(
                total(parts), max(n for date, n in self._people.items() if 0 <= (date - monday).days < 7)
            )
            for monday, parts in sorted(self._weeks.items())
        }

    def city(self, opds: Mapping[str, Group]) -> Group:
        """The whole of `opds()`."""
        return Group(total(group.totals for group in opds.values()), max(self._people.values(), default=0))
