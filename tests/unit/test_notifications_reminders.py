"""When time brings something to tell, and what a week comes to: the pure rules."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain import digests, reminders
from services.notifications.domain.digests import Tally
from services.notifications.domain.params import check
from services.notifications.domain.reminders import NONE_IN_FORCE, ReportRules
from shared.dates import WIB, local_date

DATES = st.dates(dt.date(2024, 1, 1), dt.date(2027, 12, 31))
TIMES = st.times().map(lambda time: time.replace(microsecond=0))
INSTANTS = st.builds(dt.datetime.combine, DATES, TIMES, st.just(WIB))


def test_a_cause_is_the_same_for_the_same_thing_and_another_for_any_other() -> None:
    date = dt.date(2025, 11, 6)
    one = reminders.cause("checkin.missing", "a", date)
    assert one == reminders.cause("checkin.missing", "a", date)
    others = [
        reminders.cause("report.missing", "a", date),
        reminders.cause("checkin.missing", "b", date),
        reminders.cause("checkin.missing", "a", date + dt.timedelta(1)),
    ]
    assert len({one, *others}) == 4


def test_the_rules_in_force_are_the_latest_and_at_a_tie_the_greatest_version() -> None:
    versions = [
        ReportRules(version, dt.date(2025, 11, day), ["WFO"], "16:00")
        for version, day in (("b", 1), ("a", 1), ("c", 5))
    ]
    assert reminders.in_force(versions, dt.date(2025, 11, 4)).rules_version == "b"
    assert reminders.in_force(versions, dt.date(2025, 11, 5)).rules_version == "c"
    assert reminders.in_force(versions, dt.date(2025, 10, 31)) == NONE_IN_FORCE


@given(INSTANTS, st.integers(0, 600), st.sampled_from(["07:00", "16:30", "23:59:59"]))
def test_a_report_is_due_from_so_many_minutes_before_its_cutoff_until_then(
    now: dt.datetime, minutes: int, cutoff: str
) -> None:
    versions = [ReportRules("v", dt.date(2020, 1, 1), ["WFO"], cutoff)]
    found = {(due.work_date, due.ends_on) for due in reminders.reports_due(versions, now, minutes)}
    for days in range(-4, 5):
        ends_on = local_date(now) + dt.timedelta(days)
        moment = dt.datetime.combine(ends_on, dt.time.fromisoformat(cutoff), WIB)
        due = dt.timedelta(0) < moment - now <= dt.timedelta(minutes=minutes)
        for back in range(-1, 4):
            assert ((ends_on - dt.timedelta(back), ends_on) in found) == due


@given(INSTANTS, TIMES, st.integers(0, 6))
def test_a_weekly_moment_comes_once_a_week_and_is_of_use_for_a_day(
    now: dt.datetime, at: dt.time, weekday: int
) -> None:
    moments = {reminders.weekly(now + dt.timedelta(hours=6 * n), weekday, at) for n in range(28)} - {None}
    assert 1 <= len(moments) <= 2
    for moment in moments:
        assert moment is not None
        assert (local_date(moment).weekday(), moment.timetz().replace(tzinfo=None)) == (weekday, at)
    here = reminders.weekly(now, weekday, at)
    assert here is None or here <= now < here + dt.timedelta(1)


@given(INSTANTS, TIMES)
def test_a_daily_moment_is_todays_and_not_ahead(now: dt.datetime, at: dt.time) -> None:
    moment = reminders.daily(now, at)
    assert (moment is not None) == (now.timetz().replace(tzinfo=None) >= at)
    assert moment is None or (local_date(moment) == local_date(now) and moment <= now)


@given(DATES)
def test_the_week_before_is_the_last_whole_one(date: dt.date) -> None:
    monday, sunday = reminders.week_before(date)
    assert (monday.weekday(), sunday.weekday(), (sunday - monday).days) == (0, 6, 6)
    assert sunday < date <= sunday + dt.timedelta(7)


@pytest.mark.parametrize(
    ("date", "works"), [("2025-11-07", True), ("2025-11-08", False), ("2025-11-09", False), ("2025-11-10", False)]
)
def test_people_work_from_monday_to_friday_without_the_calendars_dates(date: str, works: bool) -> None:
    holidays = {dt.date(2025, 11, 10)}
    assert reminders.is_working_day(dt.date.fromisoformat(date), holidays) == works


def test_a_week_is_summed_by_duty_and_state_and_its_parameters_make_a_text() -> None:
    rows = [
        Tally("A", "report", "met", 3),
        Tally("B", "report", "met", 4),
        Tally("A", "on_time", "unknown", 1),
    ]
    sums = digests.tallies(rows)
    assert list(sums) == ["on_time", "report"]
    assert sums["report"] == {"met": 7, "not_met": 0, "unknown": 0}
    monday, sunday = dt.date(2025, 11, 3), dt.date(2025, 11, 9)
    for opd_code, before in (("A", sums), (None, {})):
        params = digests.params(monday, sunday, sums, before, opd_code=opd_code, waiting=2)
        check("digest.head", params)
        assert params["before"] == (before or None)
