"""Which of somebody's dates is the one that runs, and the dates of a month."""

import datetime as dt
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.own_days import month_of, running
from services.reporting.store.own_days import Plan
from services.reporting.views.own_days import hours_text, kept
from shared.dates import WIB

TODAY = dt.date(2025, 11, 6)


class Shift(NamedTuple):
    work_date: dt.date
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None


def shift(days: int, first: str, hours: int) -> Shift:
    date = TODAY + dt.timedelta(days=days)
    starts_at = dt.datetime.combine(date, dt.time.fromisoformat(first), WIB)
    return Shift(date, starts_at, starts_at + dt.timedelta(hours=hours))


def now(clock: str) -> dt.datetime:
    return dt.datetime.combine(TODAY, dt.time.fromisoformat(clock), WIB)


NIGHT, MORNING = shift(-1, "22:00", 8), shift(0, "07:30", 8)
FREE = Shift(TODAY, None, None)


@pytest.mark.parametrize(
    ("clock", "plans", "days"),
    [
        ("07:00", [MORNING], 0),
        ("02:00", [NIGHT, FREE], -1),
        ("09:59", [NIGHT, FREE], -1),  # four hours after its end a shift still claims a punch
        ("10:01", [NIGHT, FREE], 0),
        ("05:00", [NIGHT, MORNING], 0),  # both claim it: today is meant
        ("21:00", [shift(1, "00:30", 8), FREE], 1),
        ("12:00", [], 0),
        ("12:00", [FREE], 0),
    ],
)
def test_a_night_shift_runs_until_its_reach_is_over(clock: str, plans: list[Shift], days: int) -> None:
    assert running(TODAY, now(clock), plans) == TODAY + dt.timedelta(days=days)


@given(st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31)))
def test_a_month_begins_at_its_first_and_ends_before_the_next_first(date: dt.date) -> None:
    first, last = month_of(date)
    assert first.day == (last + dt.timedelta(days=1)).day == 1
    assert first <= date <= last
    assert 28 <= (last - first).days + 1 <= 31


def test_a_phone_keeps_a_plan_in_words_and_the_place_of_an_office_day_only() -> None:
    office = Plan(TODAY, "WFO", MORNING.starts_at, MORNING.ends_at, "Loket KTP-el")
    assert kept(office, "id").model_dump() == {
        "work_date": "2025-11-06",
        "mode": "Bekerja di kantor (WFO)",
        "hours": "07.30–15.30 WIB",
        "unit": "Loket KTP-el",
    }
    assert kept(office._replace(mode="WFH"), "en").unit == ""
    assert hours_text(Plan(TODAY, "LEAVE", None, None, None), "id") == ""
