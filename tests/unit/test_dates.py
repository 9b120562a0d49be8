"""How a date and a time are written for people, in both languages."""

import datetime as dt

import pytest

from shared.dates import WIB, date_text, local_date, midnight, moment_text, span_text, time_text, working_day_after
from shared.messages import Language

LATE = dt.datetime(2025, 11, 5, 17, 30, 15, tzinfo=dt.UTC)
"""00.30.15 of 6 November in Jakarta."""


def test_an_instant_belongs_to_the_date_of_the_city() -> None:
    assert local_date(LATE) == dt.date(2025, 11, 6)
    assert midnight(local_date(LATE)) == dt.datetime(2025, 11, 5, 17, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("language", "date", "minute", "second"),
    [
        ("id", "Kamis, 6 November 2025", "00.30", "00.30.15"),
        ("en", "Thursday, 6 November 2025", "00:30", "00:30:15"),
    ],
)
def test_each_language_has_its_own_form(language: Language, date: str, minute: str, second: str) -> None:
    assert date_text(local_date(LATE), language) == date
    assert (time_text(LATE, language), time_text(LATE, language, seconds=True)) == (minute, second)
    assert moment_text(LATE, language) == f"{date} {minute}"


def test_a_span_names_the_date_once_unless_it_changes() -> None:
    start = dt.datetime(2025, 11, 6, 22, 0, tzinfo=WIB)
    assert span_text(start, start + dt.timedelta(hours=1), "id") == "Kamis, 6 November 2025 22.00–23.00 WIB"
    assert span_text(start, start + dt.timedelta(hours=3), "en") == (
        "Thursday, 6 November 2025 22:00 – Friday, 7 November 2025 01:00 WIB"
    )


@pytest.mark.parametrize(
    ("first", "days", "last"),
    [
        ("2025-11-06", 1, "2025-11-07"),
        ("2025-11-06", 3, "2025-11-12"),
        ("2025-11-08", 1, "2025-11-11"),
        ("2025-11-06", 0, "2025-11-06"),
    ],
)
def test_working_days_leave_out_weekends_and_the_calendar(first: str, days: int, last: str) -> None:
    monday = {dt.date(2025, 11, 10)}
    assert working_day_after(dt.date.fromisoformat(first), days, monday) == dt.date.fromisoformat(last)
