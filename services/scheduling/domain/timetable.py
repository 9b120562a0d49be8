"""When each kind of post works, in local time.

Sources: Perpres 21/2023 (37 h 30 min a week, five days from 07:30, break 60 min and 90 min on Friday); six-day
offices and shifts as the city keeps them.
"""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

WIB = ZoneInfo("Asia/Jakarta")
DAY = 24 * 60

Hours = tuple[int, int]
"""Minutes after local midnight of the work date; the end may lie in the next date."""


def minutes(text: str) -> int:
    """`HH:MM` as minutes after midnight; `24:00` is 1440."""
    return int(text[:2]) * 60 + int(text[3:5])


_FIVE_DAY = {**dict.fromkeys(range(4), (450, 960)), 4: (450, 990)}
_SIX_DAY = {**dict.fromkeys(range(4), (450, 870)), 4: (450, 690), 5: (450, 780)}
_SHIFTS: tuple[Hours | None, ...] = ((420, 900), (900, 1380), (1380, 1860), None)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A timetable, and for shifts the group: all people of one pattern work the same hours."""

    timetable: str
    shift_group: int | None = None


def hours_on(pattern: Pattern, day: dt.date, *, holiday: bool) -> Hours | None:
    """The working hours of `pattern` on a date; None on a rest day. Shifts work on holidays too."""
    if pattern.timetable == "shift":
        return _SHIFTS[(day.toordinal() + (pattern.shift_group or 0)) % 4]
    if holiday:
        return None
    week = _SIX_DAY if pattern.timetable == "six_day" else _FIVE_DAY
    return week.get(day.weekday())


def instant(day: dt.date, minute: int) -> dt.datetime:
    """Minutes after local midnight of `day` as an aware instant."""
    return dt.datetime.combine(day, dt.time(), WIB) + dt.timedelta(minutes=minute)
