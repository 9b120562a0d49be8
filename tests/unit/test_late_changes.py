"""Who may change a person-day alone, and when it takes two officers."""

import datetime as dt
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain.late import is_late, never_late_from, officers_needed
from services.scheduling.domain.rules import RulesIn
from services.scheduling.domain.rules import touches as rule_touches
from services.scheduling.domain.spans import Days, covered, without
from services.scheduling.domain.stretches import Stretch, touches
from shared.dates import WIB

TODAY = dt.date(2026, 2, 16)
DAY = dt.timedelta(1)


class Work(NamedTuple):
    """What lateness follows from, of one plan."""

    mode: str
    starts_at: dt.datetime | None


def at(hour: int, minute: int = 0, day: dt.date = TODAY) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour, minute), WIB)


def office(hour: int = 7, minute: int = 30, day: dt.date = TODAY) -> Work:
    return Work("WFO", at(hour, minute, day))


FREE, LEAVE = Work("OFF", None), Work("LEAVE", None)


@pytest.mark.parametrize(
    ("day", "old", "new", "now", "late", "officers"),
    [
        # a first plan counts as well
        (TODAY, None, office(), at(10), True, 2),
        (TODAY, None, office(), at(7, 29), False, 1),
        # the very instant of the start is late
        (TODAY, office(), office(8), at(7, 30), True, 2),
        (TODAY, office(), office(8), at(7, 30) - dt.timedelta(microseconds=1), False, 1),
        # the earlier of the two starts decides, whichever plan has it
        (TODAY, office(9), office(7), at(8), True, 2),
        (TODAY, office(7), office(9), at(8), True, 2),
        # a plan without hours has no start: the other's counts; neither: only a past date
        (TODAY, LEAVE, office(13), at(10), False, 1),
        (TODAY, LEAVE, office(7), at(10), True, 2),
        (TODAY, LEAVE, FREE, at(23, 59), False, 1),
        (TODAY - DAY, LEAVE, FREE, at(0), True, 2),
        # duties are only taken away, on a day that is not over
        (TODAY, office(), LEAVE, at(10), True, 1),
        (TODAY, office(), Work("DUTY_TRAVEL", None), at(10), True, 1),
        (TODAY, office(), Work("WFH", at(7, 30)), at(10), True, 2),
        (TODAY - DAY, office(day=TODAY - DAY), LEAVE, at(0), True, 2),
        # a night shift of yesterday that still runs is a day before today
        (TODAY - DAY, office(23, 0, TODAY - DAY), LEAVE, at(3), True, 2),
        # a shift that begins on the eve of its work date has begun
        (TODAY + DAY, office(23, 0), office(22, 0, TODAY + DAY), at(23, 30), True, 2),
        (TODAY + DAY, office(day=TODAY + DAY), office(8, 0, TODAY + DAY), at(23, 59), False, 1),
    ],
)
def test_a_change_is_late_from_the_earlier_start_on_and_for_past_dates(  # noqa: PLR0917 - a row of the table
    day: dt.date, old: Work | None, new: Work, now: dt.datetime, late: bool, officers: int
) -> None:
    for zone in (WIB, dt.UTC, ZoneInfo("America/New_York")):
        assert is_late(day, old, new, now.astimezone(zone)) is late
        assert officers_needed(day, old, new, now.astimezone(zone)) == officers


INSTANTS = st.integers(-48 * 60, 72 * 60).map(lambda minutes: at(0) + dt.timedelta(minutes=minutes))
WORKS = st.one_of(
    st.builds(Work, st.sampled_from(["WFO", "WFH"]), INSTANTS),
    st.builds(Work, st.sampled_from(["LEAVE", "OFF", "DUTY_TRAVEL"]), st.none()),
)
DATES = st.dates(dt.date(2026, 2, 14), dt.date(2026, 2, 19))


@given(DATES, st.one_of(st.none(), WORKS), WORKS, INSTANTS, st.timedeltas(dt.timedelta(0), dt.timedelta(4)))
def test_what_is_late_stays_late_and_never_needs_fewer_officers_as_time_goes_on(
    day: dt.date, old: Work | None, new: Work, now: dt.datetime, later: dt.timedelta
) -> None:
    assert is_late(day, old, new, now) <= is_late(day, old, new, now + later)
    assert officers_needed(day, old, new, now) <= officers_needed(day, old, new, now + later)


@given(DATES, WORKS, WORKS, INSTANTS)
def test_lateness_does_not_depend_on_which_of_the_plans_is_the_old_one(
    day: dt.date, one: Work, two: Work, now: dt.datetime
) -> None:
    assert is_late(day, one, two, now) == is_late(day, two, one, now)


@given(DATES, INSTANTS, st.floats(-24, 48))
def test_no_plan_of_a_date_that_cannot_be_late_has_begun(day: dt.date, now: dt.datetime, hours: float) -> None:
    starts = at(0, day=day) + dt.timedelta(hours=hours)
    if day >= never_late_from(now):
        assert not is_late(day, None, Work("WFO", starts), now)


def rules(version: str, day: dt.date, **more: object) -> RulesIn:
    body = {
        "tolerance_minutes": 0,
        "report_modes": ["WFO", "WFH"],
        "report_cutoff": "17:00",
        "review_sla_working_days": 3,
    }
    return RulesIn.model_validate({"rules_version": version, "effective_from": day, **body, **more})


def altered(given: RulesIn, *stored: RulesIn) -> dict[str, object]:
    return {mode: one.altered for one in rule_touches(given, stored, TODAY) for mode in one.modes}


def test_rules_alter_only_the_modes_and_parameters_that_differ() -> None:
    old = rules("a", TODAY - DAY)
    assert altered(rules("b", TODAY), old) == {}
    assert altered(rules("b", TODAY, report_cutoff="17:00:00"), old) == {}
    noon = {"report_cutoff": {"old": "17:00:00", "new": "12:00:00"}}
    assert altered(rules("b", TODAY, report_cutoff="12:00"), old) == {"WFO": noon, "WFH": noon}
    trips = altered(rules("b", TODAY, report_modes=["WFO", "DUTY_TRAVEL"]), old)
    assert trips == {
        "WFH": {"report_due": {"old": True, "new": False}},
        "DUTY_TRAVEL": {"report_due": {"old": False, "new": True}},
    }
    first = altered(rules("a", TODAY, tolerance_minutes=5))
    assert first["WFO"] == {
        "tolerance_minutes": {"old": 0, "new": 5},
        "report_cutoff": {"old": "23:59:59", "new": "17:00:00"},
    }


def test_rules_that_lose_a_tie_alter_nothing_and_others_alter_until_the_next_version() -> None:
    standing, following = rules("m", TODAY), rules("n", TODAY + 7 * DAY, tolerance_minutes=9)
    assert altered(rules("l", TODAY, tolerance_minutes=5), standing) == {}
    found = rule_touches(rules("z", TODAY, tolerance_minutes=5), [standing, following], TODAY)
    assert {(one.first, one.until) for one in found} == {(TODAY, TODAY + 7 * DAY)}


def test_a_free_day_that_becomes_a_work_day_begins_when_offices_open() -> None:
    [freed, taken] = touches(
        [Stretch(None, TODAY, TODAY + DAY, frees=True), Stretch(None, TODAY, TODAY + DAY, frees=False)]
    )
    assert (freed.begins, taken.begins) == (at(7, 30), None)


RUNS = st.tuples(st.dates(TODAY, TODAY + 20 * DAY), st.integers(0, 9)).map(lambda p: Days(p[0], p[0] + p[1] * DAY))


def dates(*runs: Days) -> set[dt.date]:
    return {first + n * DAY for first, last in runs for n in range((last - first).days + 1)}


@given(RUNS, RUNS)
def test_what_is_left_of_a_run_is_every_other_date_of_it(whole: Days, taken: Days) -> None:
    left = without(whole, taken)
    assert dates(*left) == dates(whole) - dates(taken)
    assert sum((last - first).days + 1 for first, last in left) == len(dates(*left))


@given(RUNS, RUNS, st.sets(st.dates(TODAY, TODAY + 30 * DAY)))
def test_what_waits_is_kept_and_no_date_twice(was: Days, now: Days, late: set[dt.date]) -> None:
    back = without(was, now)
    found = covered([now], back, late)
    assert dates(now) | (late & dates(*back)) <= dates(*found) <= dates(was, now)
    assert sum((last - first).days + 1 for first, last in found) == len(dates(*found))
