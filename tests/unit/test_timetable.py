"""Whose working hours hold where several speak of a unit."""

import datetime as dt
from itertools import permutations

import pytest

from services.scheduling.domain.timetable import (
    Hours,
    Pattern,
    SpecialHours,
    clock_text,
    hours_on,
    minutes,
    special_of,
)

THURSDAY = dt.date(2026, 3, 5)
FIVE_DAY = Pattern("five_day")
USUAL = Hours(450, 960)


def special(start: int, **scope: tuple[str, ...]) -> SpecialHours:
    """Hours of a Thursday in Ramadan, from so many minutes after midnight."""
    ends = dt.date(2026, 3, 20)
    return SpecialHours(dt.date(2026, 2, 19), ends, "five_day", {3: Hours(start, 900)}, **scope)


OF_ALL, OF_OPD, OF_UNIT = special(480), special(490, opd_codes=("1.01",)), special(500, unit_ids=("DISDIK-A",))


def holding(*given: SpecialHours, day: dt.date = THURSDAY) -> Hours | None:
    """What holds for DISDIK-A of 1.01, given these in this order."""
    return hours_on(FIVE_DAY, day, holiday=False, special=special_of(given, "1.01", "DISDIK-A"))


ORDERS = [*permutations((OF_ALL, OF_OPD, OF_UNIT))]


@pytest.mark.parametrize("given", ORDERS, ids=range(len(ORDERS)))
def test_hours_for_a_unit_win_over_those_for_its_opd_and_these_over_those_for_all(
    given: tuple[SpecialHours, ...],
) -> None:
    assert holding(*given) == OF_UNIT.weekdays[3]
    assert holding(*(one for one in given if one is not OF_UNIT)) == OF_OPD.weekdays[3]


def test_among_equals_the_later_one_holds() -> None:
    later = special(510, unit_ids=("DISDIK-A",))
    assert holding(OF_UNIT, later) == later.weekdays[3]
    assert holding(later, OF_UNIT) == OF_UNIT.weekdays[3]


def test_hours_of_other_units_and_dates_and_timetables_leave_the_usual_ones() -> None:
    strangers = (special(480, opd_codes=("9.02",)), special(480, unit_ids=("CTH-1",)))
    assert special_of(strangers, "1.01", "DISDIK-A") == ()
    assert holding(*strangers) == USUAL
    assert holding(OF_ALL, day=dt.date(2026, 3, 26)) == USUAL
    assert hours_on(Pattern("six_day"), THURSDAY, holiday=False, special=(OF_ALL,)) == Hours(450, 870)


def test_a_weekday_that_is_not_named_keeps_its_hours_and_one_of_none_is_free() -> None:
    assert holding(OF_ALL, day=dt.date(2026, 3, 4)) == USUAL
    free = SpecialHours(THURSDAY, None, "five_day", {3: None})
    assert holding(OF_UNIT, free) == OF_UNIT.weekdays[3]
    assert holding(free) is None


def test_a_holiday_is_free_for_all_but_shifts() -> None:
    assert hours_on(FIVE_DAY, THURSDAY, holiday=True, special=(OF_ALL,)) is None
    turns = [hours_on(Pattern("shift", group), THURSDAY, holiday=True) for group in range(4)]
    assert sorted(one for one in turns if one) == [Hours(420, 900), Hours(900, 1380), Hours(1380, 1860)]


@pytest.mark.parametrize(("text", "minute"), [("00:00", 0), ("07:30", 450), ("24:00", 1440)])
def test_a_clock_time_is_read_as_it_is_written(text: str, minute: int) -> None:
    assert (minutes(text), clock_text(minute)) == (minute, text)
