"""When each kind of post works, in local time.

Sources: Perpres 21/2023 (37 h 30 min a week, five days from 07:30, break 60 min and 90 min on Friday); six-day
offices and shifts as the city keeps them. Ramadan and every other departure is data: `SpecialHours`.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.dates import midnight

DAY = 24 * 60


class Hours(NamedTuple):
    """Minutes after local midnight of the work date; the end may lie in the next date."""

    start: int
    end: int

    def on(self, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
        """When they begin and end on a work date."""
        return instant(day, self.start), instant(day, self.end)


def minutes(text: str) -> int:
    """`HH:MM` as minutes after midnight; `24:00` is 1440. Seconds are left out."""
    hour, minute, *_ = text.split(":")
    return int(hour) * 60 + int(minute)


def clock_text(minute: int) -> str:
    """Minutes after midnight as `HH:MM`; 1440 is `24:00`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


_FIVE_DAY = {**dict.fromkeys(range(4), Hours(450, 960)), 4: Hours(450, 990)}
_SIX_DAY = {**dict.fromkeys(range(4), Hours(450, 870)), 4: Hours(450, 690), 5: Hours(450, 780)}
_SHIFTS = (Hours(420, 900), Hours(900, 1380), Hours(1380, 1860), None)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A timetable, and for shifts the group: all people of one pattern work the same hours."""

    timetable: str
    shift_group: int | None = None


@dataclass(frozen=True, slots=True)
class SpecialHours:
    """Other hours for a while: Ramadan, a half day, a unit's own week. Holidays stay free.

    Of several that hold, those for units win over those for OPD, these over those for all, and among equals the
    later one.
    """

    first: dt.date
    last: dt.date | None
    timetable: str
    weekdays: Mapping[int, Hours | None]
    """Hours by weekday, Monday 0; None is a rest day; a weekday that is not named keeps its hours."""
    opd_codes: tuple[str, ...] = ()
    unit_ids: tuple[str, ...] = ()

    def for_unit(self, opd_code: str, unit_id: str) -> int | None:
        """How closely this speaks of a unit: 2 by name, 1 by its OPD, 0 as of all; None: not at all."""
        if unit_id in self.unit_ids:
            return 2
        if opd_code in self.opd_codes:
            return 1
        return None if self.unit_ids or self.opd_codes else 0


def special_of(special: Sequence[SpecialHours], opd_code: str, unit_id: str) -> tuple[SpecialHours, ...]:
    """What of `special`, oldest first, concerns a unit: the weakest first, as `hours_on` takes it."""
    levels = [[hours for hours in special if hours.for_unit(opd_code, unit_id) == level] for level in range(3)]
    return tuple(hours for level in levels for hours in level)


def hours_on(
    pattern: Pattern, day: dt.date, *, holiday: bool, special: Sequence[SpecialHours] = ()
) -> Hours | None:
    """The working hours of `pattern` on a date; None on a rest day. Shifts work on holidays too.

    `special` holds what concerns the unit, the weakest first.
    """
    if pattern.timetable == "shift":
        return _SHIFTS[(day.toordinal() + (pattern.shift_group or 0)) % 4]
    if holiday:
        return None
    weekday = day.weekday()
    for one in reversed(special):
        if (
            one.timetable == pattern.timetable
            and one.first <= day
            and (one.last is None or day <= one.last)
            and weekday in one.weekdays
        ):
            return one.weekdays[weekday]
    week = _SIX_DAY if pattern.timetable == "six_day" else _FIVE_DAY
    return week.get(weekday)


def instant(day: dt.date, minute: int) -> dt.datetime:
    """Minutes after local midnight of `day` as an aware instant."""
    return midnight(day) + dt.timedelta(minutes=minute)
