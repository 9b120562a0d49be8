"""Rates with their bounds, coverage figures and ids: the pure half of the views."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.counters import (
    Piece,
    Point,
    Standing,
    Status,
    Times,
    coverage,
    segments,
    unit_figures,
)
from services.reporting.domain.figures import STATES, States, compliance, rate, wilson
from services.reporting.domain.transitions import transition_id
from shared.events import DUTIES, Mode, State

counts = st.fixed_dictionaries({state: st.integers(0, 40) for state in STATES})


@given(counts)
def test_a_rate_lies_within_its_bounds_and_its_interval(states: dict[State, int]) -> None:
    figures = rate(states)
    n = states["met"] + states["not_met"]
    judged = n + states["unknown"]
    assert figures.n == n
    assert (figures.rate is None) == (n == 0)
    assert (figures.low is None) == (figures.high is None) == (judged == 0)
    if figures.rate is not None:
        assert (figures.low or 0) <= figures.rate <= (figures.high or 0)
        assert 0 <= (figures.wilson_low or 0) <= figures.rate + 1e-12
        assert figures.rate - 1e-12 <= (figures.wilson_high or 0) <= 1


@given(counts, st.integers(0, 40), st.integers(0, 40))
def test_what_is_pending_or_not_due_changes_no_rate(states: dict[State, int], pending: int, not_due: int) -> None:
    one, other = rate(states), rate({**states, "pending": pending, "not_due": not_due})
    kept = {"rate", "low", "high", "n", "wilson_low", "wilson_high"}
    assert one.model_dump(include=kept) == other.model_dump(include=kept)


def test_wilson_is_the_published_interval() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, and 0 of 20.
    low, high = wilson(81, 263) or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = wilson(0, 20) or (0, 0)
    assert (low, round(high, 4)) == (0, 0.1611)
    assert wilson(0, 0) is None


def test_people_are_counted_by_mode_and_duty() -> None:
    def all_alike(mode: Mode, state: State) -> States:
        return States(mode, (state,) * len(DUTIES))

    figures = compliance(
        {all_alike("WFO", "met"): 3, all_alike("WFH", "not_met"): 1, all_alike("LEAVE", "not_due"): 2}
    )
    assert figures.employees == 6
    assert figures.modes == {"WFO": 3, "WFH": 1, "DUTY_TRAVEL": 0, "LEAVE": 2, "OFF": 0}
    assert (figures.duties["hours"].met, figures.duties["hours"].rate) == (3, 0.75)


MINUTE = 60_000_000
MIXED = Times(
    open_us=100 * MINUTE,
    met_us=60 * MINUTE,
    unknown_us=15 * MINUTE,
    short_us=25 * MINUTE,
    required_us=200 * MINUTE,
    filled_us=150 * MINUTE,
    missing_us=50 * MINUTE,
)


def standing(status: Status = "short", times: Times = MIXED) -> Standing:
    return Standing(Point("u", "U", "O", 0.9), status, 2, 1, 1, None, times)


def test_coverage_figures_are_shares_of_open_time() -> None:
    figures = unit_figures(standing())
    assert (figures.open_seconds, figures.attainment, figures.low, figures.high) == (6000, 0.6, 0.6, 0.75)
    assert (figures.fill, figures.short_person_minutes, figures.spent_minutes) == (0.75, 50, 25)
    assert figures.budget_minutes == pytest.approx(10)


def test_a_counter_that_was_never_open_has_zeros_and_no_shares() -> None:
    figures = unit_figures(standing(times=Times()))
    assert [figures.attainment, figures.low, figures.high, figures.fill] == [None] * 4
    assert [figures.open_seconds, figures.short_person_minutes, figures.budget_minutes] == [0, 0, 0]


def test_attainment_of_many_is_met_time_by_open_time() -> None:
    closed = standing("closed", Times())
    summary = coverage([standing(), standing("met", Times(open_us=300, met_us=300)), closed]).model_dump()
    assert summary == {
        "open": 2,
        "met": 1,
        "short": 1,
        "unknown": 0,
        "closed": 1,
        "attainment": summary["attainment"],
    }
    assert summary["attainment"] == (60 * 60_000_000 + 300) / (100 * 60_000_000 + 300)


def test_equal_neighbours_are_one_segment_and_empty_pieces_none() -> None:
    at = [dt.datetime(2025, 11, 6, hour, tzinfo=dt.UTC) for hour in range(4)]

    def piece(begin: int, end: int, status: Status = "met") -> Piece:
        return Piece("u", at[begin], at[end], 1, 1, 1, status)

    pieces = [piece(0, 1), piece(1, 2), piece(2, 3, "short"), piece(3, 3)]
    assert [(s.from_at, s.until_at, s.status) for s in segments(pieces)] == [
        (at[0], at[2], "met"),
        (at[2], at[3], "short"),
    ]


def test_the_id_of_a_transition_depends_on_what_changed_and_on_nothing_else() -> None:
    one = transition_id("compliance.changed.v1", "a/2025-11-06/place", 1)
    assert one == transition_id("compliance.changed.v1", "a/2025-11-06/place", 1)
    others = [
        ("compliance.changed.v1", "a/2025-11-06/place", 2),
        ("compliance.changed.v1", "a/2025-11-06/hours", 1),
    ]
    assert len({one, *(transition_id(*other) for other in others)}) == 3
