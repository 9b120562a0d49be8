"""Sums of dates, their metrics, and which periods can be asked for."""

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.counters import Point, Standing, Times
from services.reporting.domain.figures import MODES, STATES, Counted, States
from services.reporting.domain.periods import (
    LONGEST_DAYS,
    METRICS,
    Metric,
    OpdTotals,
    Period,
    mistakes,
    of_counters,
    total,
)

FIRST = dt.date(2025, 11, 3)
NOTHING = States("OFF", ("not_due",) * 5)
numbers = st.integers(0, 10**15)
fractions = st.fractions(0, 10**6)
totals = st.builds(
    OpdTotals,
    people=st.dictionaries(
        st.builds(States, st.sampled_from(MODES), st.tuples(*[st.sampled_from(STATES)] * 5)),
        st.integers(1, 10**6),
        max_size=4,
    ).map(Counted),
    open_us=numbers,
    met_us=numbers,
    unknown_us=numbers,
    short_us=numbers,
    required_us=numbers,
    filled_us=numbers,
    missing_us=numbers,
    budget_us=fractions,
    earned_minutes=fractions,
    waiting_minutes=fractions,
    submitted=numbers,
    returned=numbers,
    reports_without_review=numbers,
)


def state(mode: str, n: int, **states: str) -> dict[States, int]:
    duties = ("on_time", "place", "hours", "report", "output")
    return {States(mode, tuple(states.get(duty, "not_due") for duty in duties)): n}  # pyright: ignore[reportArgumentType]


@given(st.data(), st.lists(totals, max_size=4))
def test_sums_are_the_same_in_whatever_order_and_groups(data: st.DataObject, parts: list[OpdTotals]) -> None:
    other = data.draw(st.permutations(parts))
    half = len(other) // 2
    assert total(parts) == total([total(other[:half]), total(other[half:])])


@given(totals, totals)
def test_adding_changes_neither_of_the_two(one: OpdTotals, other: OpdTotals) -> None:
    before = dict(one.people), dict(other.people)
    both = one + other
    assert (dict(one.people), dict(other.people)) == before
    assert both.people.total() == one.people.total() + other.people.total()
    assert one + OpdTotals() == one


def test_the_rates_of_a_period_are_those_of_all_its_person_days() -> None:
    monday = OpdTotals(Counted(state("WFO", 3, on_time="met") | state("WFH", 1, on_time="unknown")))
    tuesday = OpdTotals(Counted(state("WFO", 1, on_time="not_met") | state("LEAVE", 5)))
    metrics = (monday + tuesday).metrics()
    assert metrics["on_time_rate"] == Metric(3 / 4, 3 / 5, 4 / 5)
    assert metrics["place_rate"] == Metric(None, None, None)
    assert set(metrics) == set(METRICS)


def test_attainment_counts_unknown_time_at_most() -> None:
    metric = OpdTotals(open_us=10, met_us=6, unknown_us=3, short_us=1).metrics()["coverage_attainment"]
    assert metric == Metric(0.6, 0.6, 0.9)


def test_output_is_what_was_accepted_by_the_minutes_of_those_at_work() -> None:
    people = Counted(
        state("WFO", 6) | state("WFH", 3) | state("DUTY_TRAVEL", 1) | state("LEAVE", 9) | state("OFF", 9)
    )
    seen = OpdTotals(people, earned_minutes=Fraction(1500), waiting_minutes=Fraction(300))
    assert seen.person_days == 10
    assert seen.metrics()["output_rate"] == Metric(0.5, 0.5, 0.6)
    assert seen.metrics(150)["output_rate"] == Metric(1.0, 1.0, 1.2)
    assert OpdTotals(earned_minutes=Fraction(5)).metrics()["output_rate"] == Metric(None, None, None)
    assert seen.plans_per_day(5) == 9 / 5


def test_rework_is_returned_by_submitted_and_may_be_more_than_one() -> None:
    assert OpdTotals(submitted=2, returned=3).metrics()["rework_rate"] == Metric(1.5, 1.5, 1.5)
    assert OpdTotals(returned=3).metrics()["rework_rate"] == Metric(None, None, None)


def test_the_budget_of_a_hundredth_is_a_hundredth() -> None:
    hour = Times(open_us=3_600_000_000, met_us=3_600_000_000)
    standings = [Standing(Point("u", "u", "O", slo), "closed", 0, 0, 0, None, hour) for slo in (0.99, 0.9, 1.0)]
    seen = of_counters(standings)
    assert seen.budget_us == 36_000_000 + 360_000_000
    assert (seen.open_us, seen.met_us) == (3 * 3_600_000_000,) * 2
    assert of_counters([]) == OpdTotals()


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        ("2025-11-03", "2025-11-03", None),
        ("2025-11-04", "2025-11-03", "period.reversed"),
        ("2024-10-01", "2025-11-04", None),
        ("2024-09-30", "2025-11-04", "period.too_long"),
        ("2025-11-03", "2025-11-05", "period.in_future"),
        ("2025-10-01", "2025-10-31", "period.before_first_fact"),
        ("2025-10-01", "2025-11-01", None),
    ],
)
def test_what_can_be_asked_for(first: str, last: str, code: str | None) -> None:
    period = Period(dt.date.fromisoformat(first), dt.date.fromisoformat(last))
    today, known = dt.date(2025, 11, 4), dt.date(2025, 11, 1)
    assert [error.code for error in mistakes(period, today, known)] == ([code] if code else [])
    assert all(error.field == "to" for error in mistakes(period, today, known))


def test_before_anything_is_known_there_is_nothing_to_be_before() -> None:
    assert mistakes(Period(FIRST, FIRST), FIRST, None) == []


def test_a_period_is_its_dates() -> None:
    week = Period(FIRST, FIRST + dt.timedelta(days=6))
    assert list(week) == [FIRST + dt.timedelta(days=n) for n in range(7)]
    assert week.days == len(list(week)) == 7
    assert FIRST in week
    assert FIRST - dt.timedelta(days=1) not in week
    assert Period(FIRST, FIRST + dt.timedelta(days=LONGEST_DAYS - 1)).days == LONGEST_DAYS
