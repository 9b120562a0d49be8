"""A person's month: days by mode, duties by state, minutes late and early, days absent. Pure.

What counts against somebody is only what is `not_met`: an outage, an unverified time or a forgotten check-out is
`unknown` and costs nothing. The counters of PP 94/2021 (discipline of civil servants) are shown to superiors and
the agency as an alert; they decide nothing.
"""

import calendar
import datetime as dt
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple
from uuid import UUID

from services.reporting.domain.figures import MODES, STATES, States
from shared.events import DUTIES, Duty, Mode, State

MINUTES_OF_A_DAY = 450
"""So many minutes late or early count as one absent day: 7.5 hours, a working day of Perpres 21/2023."""

IN_A_ROW = 10
"""So many absent working days one after another weigh as the most severe level."""

SanctionLevel = Literal[
    "light_1", "light_2", "light_3", "medium_1", "medium_2", "medium_3", "severe_1", "severe_2", "severe_3"
]

LEVELS: tuple[tuple[int, SanctionLevel], ...] = (
    (3, "light_1"),
    (4, "light_2"),
    (7, "light_3"),
    (11, "medium_1"),
    (14, "medium_2"),
    (17, "medium_3"),
    (21, "severe_1"),
    (25, "severe_2"),
    (28, "severe_3"),
)
"""From how many days of the year on each level weighs; below the first none does."""

MOST_SEVERE: SanctionLevel = "severe_3"

Standing = Literal["preview", "final"]
"""`final`: the month is over and nothing of it is pending any more. Later facts may still change both."""

_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})")
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month of local work dates."""

    year: int
    number: int

    @property
    def first(self) -> dt.date:
        return dt.date(self.year, self.number, 1)

    @property
    def last(self) -> dt.date:
        _, days = calendar.monthrange(self.year, self.number)
        return dt.date(self.year, self.number, days)

    @property
    def year_first(self) -> dt.date:
        """From here on the year's counters count, up to `last`."""
        return dt.date(self.year, 1, 1)

    @property
    def name(self) -> str:
        return f"{self.year:04}-{self.number:02}"


def month_of(name: str) -> Month | None:
    """The month that `2025-11` names; None for any other text."""
    found = _MONTH.fullmatch(name)
    if found is None:
        return None
    year, number = int(found["year"]), int(found["month"])
    return Month(year, number) if _FIRST_YEAR <= year <= _LAST_YEAR and 1 <= number <= 12 else None


class Group(NamedTuple):
    """Person-days of one employee that are alike: how many, how long they were worked, and the last of them."""

    employee_id: UUID
    opd_code: str
    states: States
    days: int
    worked_us: int
    last: dt.date


class Mark(NamedTuple):
    """A person-day on which on_time or hours was not met: whole minutes late and early, null where it was neither;
    or a day absent."""

    employee_id: UUID
    work_date: dt.date
    late_minutes: int | None
    early_minutes: int | None
    absent: bool

    @property
    def counts(self) -> bool:
        """Whether the year's counters see it."""
        return self.absent or self.late_minutes is not None or self.early_minutes is not None

    @property
    def because(self) -> list[str]:
        """Why it counts: the codes of the duties that were not met, as the person's day gives them."""
        if self.absent:
            return ["on_time.no_in", "hours.no_in_as_on_time"]
        late = ["on_time.in_after_deadline"] if self.late_minutes is not None else []
        return late + (["hours.hours_short"] if self.early_minutes is not None else [])


class Gap(NamedTuple):
    """Two absent days of an employee with none between them."""

    employee_id: UUID
    since: dt.date
    until: dt.date


@dataclass(slots=True)
class PersonMonth:
    """What one employee's month came to, all OPDs together, and their year up to its end."""

    employee_id: UUID
    opd_code: str = ""
    """That of the month's last plan."""
    last: dt.date = dt.date.min
    days: Counter[States] = field(default_factory=Counter[States])
    """The month's person-days by mode and states."""
    worked_us: int = 0
    late: list[int] = field(default_factory=list[int])
    """Whole minutes of each late day of the month."""
    early: list[int] = field(default_factory=list[int])
    absent_days: int = 0
    absent_dates: list[dt.date] = field(default_factory=list[dt.date])
    """Those of the year, ascending."""
    minutes_year: int = 0
    longest_absence: int = 0

    def add(self, group: Group) -> None:
        """Days of the month."""
        if group.last >= self.last:
            self.last, self.opd_code = group.last, group.opd_code
        self.days[group.states] += group.days
        self.worked_us += group.worked_us

    def mark(self, mark: Mark, month: Month) -> None:
        """A day of the year that counts; in the order of dates."""
        self.minutes_year += (mark.late_minutes or 0) + (mark.early_minutes or 0)
        if mark.absent:
            self.absent_dates.append(mark.work_date)
        if mark.work_date >= month.first:
            self.absent_days += mark.absent
            if mark.late_minutes is not None:
                self.late.append(mark.late_minutes)
            if mark.early_minutes is not None:
                self.early.append(mark.early_minutes)

    @property
    def person_days(self) -> dict[Mode, int]:
        """How many days in each mode."""
        modes = dict.fromkeys(MODES, 0)
        for states, days in self.days.items():
            modes[states.mode] += days
        return modes

    @property
    def duties(self) -> dict[Duty, dict[State, int]]:
        """How many days each duty was in each state."""
        duties: dict[Duty, dict[State, int]] = {duty: dict.fromkeys(STATES, 0) for duty in DUTIES}
        for states, days in self.days.items():
            for duty, state in states.by_duty().items():
                duties[duty][state] += days
        return duties

    @property
    def late_minutes(self) -> int:
        return sum(self.late)

    @property
    def early_minutes(self) -> int:
        return sum(self.early)

    @property
    def hours(self) -> float:
        """From the first check-in to the last check-out after it, of days that owe hours."""
        return self.worked_us / _HOUR_US

    @property
    def absent_days_year(self) -> int:
        return len(self.absent_dates)

    @property
    def counted_days_year(self) -> int:
        return counted_days(self.absent_days_year, self.minutes_year)

    @property
    def sanction_level(self) -> SanctionLevel | None:
        return sanction_level(self.counted_days_year, self.longest_absence)

    @property
    def accepted_quantity_reports(self) -> int:
        """Days whose report was accepted with a quantity above 0."""
        return self.in_state("output", "met")

    @property
    def pending(self) -> bool:
        """Whether something of the month may still change by time alone."""
        return any("pending" in states.states for states in self.days)

    def in_state(self, duty: Duty, state: State) -> int:
        """On how many days the duty was so."""
        place = DUTIES.index(duty)
        return sum(days for states, days in self.days.items() if states.states[place] == state)

    def gaps(self) -> list[Gap]:
        """Between which of their absent days something else may lie."""
        dates = self.absent_dates
        return [Gap(self.employee_id, since, until) for since, until in pairwise(dates)]


def counted_days(absent_days: int, minutes: int) -> int:
    """The days that PP 94/2021 counts: those absent, and one for each 450 minutes late or early."""
    return absent_days + minutes // MINUTES_OF_A_DAY


def sanction_level(days: int, in_a_row: int) -> SanctionLevel | None:
    """The level that so many days of a year weigh, or so many absent ones in a row; None below the first."""
    if in_a_row >= IN_A_ROW:
        return MOST_SEVERE
    return next((level for least, level in reversed(LEVELS) if days >= least), None)


def longest_run(dates: Sequence[dt.date], joined: Collection[dt.date]) -> int:
    """The most absent days in a row. `joined`: those that follow the one before with nothing but rest between."""
    longest = run = 0
    for date in dates:
        run = run + 1 if date in joined else 1
        longest = max(longest, run)
    return longest
