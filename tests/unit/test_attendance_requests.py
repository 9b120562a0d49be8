"""What staff may ask for of their own record: how far back, and what is about the same."""

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.attendance.domain.requests import REQUEST, about, kept_zone
from shared.events import Zone
from shared.requests import earliest

DATES = st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1))


@pytest.mark.parametrize(
    ("today", "days", "closes_on", "first"),
    [
        ("2025-11-06", 31, 0, "2025-10-06"),
        ("2025-11-06", 31, 10, "2025-10-06"),
        ("2025-11-09", 60, 10, "2025-10-01"),
        ("2025-11-10", 60, 10, "2025-11-01"),
        ("2025-11-01", 31, 1, "2025-11-01"),
        ("2026-01-05", 366, 6, "2025-12-01"),
        ("2025-11-30", 5, 10, "2025-11-25"),
    ],
)
def test_a_closed_month_is_not_asked_about(today: str, days: int, closes_on: int, first: str) -> None:
    assert earliest(dt.date.fromisoformat(today), days, closes_on) == dt.date.fromisoformat(first)


@given(DATES, st.integers(1, 366), st.integers(0, 28))
def test_the_first_date_never_goes_back_as_days_pass(today: dt.date, days: int, closes_on: int) -> None:
    first, later = (earliest(day, days, closes_on) for day in (today, today + dt.timedelta(1)))
    assert today - dt.timedelta(days) <= first <= later <= today + dt.timedelta(1)
    assert first <= today
    if closes_on and today.day >= closes_on:
        assert (first.year, first.month) == (today.year, today.month)


def asked(**body: Any) -> Any:
    return REQUEST.validate_python({"request_id": str(uuid4()), "reason": "lupa", **body})


def test_what_is_about_the_same() -> None:
    at = "2025-11-06T07:20:00+07:00"
    missed = asked(kind="missed_punch", work_date="2025-11-06", punches=[{"kind": "in", "at": at}])
    line = asked(
        kind="own_line", work_date="2025-11-06", punches=[{"kind": "in", "at": at}, {"kind": "out", "at": at}]
    )
    appeal = asked(kind="appeal", work_date="2025-11-06", duty="on_time")
    punch = str(uuid4())
    key = asked(kind="wrong_key", punch_id=punch)
    place = asked(kind="wrong_place", punch_id=punch, zone="office")
    assert about(missed) & about(line)
    assert about(key) & about(place)
    assert not about(missed) & about(appeal)
    assert not about(appeal) & about(asked(kind="appeal", work_date="2025-11-06", duty="hours"))
    assert not about(key) & about(asked(kind="wrong_key", punch_id=str(uuid4())))


@pytest.mark.parametrize(
    ("zone", "kept"),
    [
        ("office", "office"),
        ("remote", "remote"),
        ("elsewhere", "elsewhere"),
        ("uncertain", None),
        ("unknown", None),
    ],
)
def test_only_a_place_that_can_be_stated_is_kept(zone: Zone, kept: str | None) -> None:
    assert kept_zone(zone) == kept
