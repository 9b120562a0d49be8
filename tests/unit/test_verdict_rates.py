"""Rates with their bounds, coverage figures and ids: the pure half of the views."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain import figures as domain

counts = st.fixed_dictionaries({state: st.integers(0, 40) for state in domain.STATES})


@given(counts)
def test_a_rate_lies_within_its_bounds_and_its_interval(states: dict[str, int]) -> None:
    rate = domain.rate(states)
    assert rate["n"] == states["met"] + states["not_met"]
    judged = rate["n"] + states["unknown"]
    assert (rate["rate"] is None) == (rate["n"] == 0)
    assert (rate["low"] is None) == (rate["high"] is None) == (judged == 0)
    if rate["rate"] is not None:
        assert rate["low"] <= rate["rate"] <= rate["high"]
        assert 0 <= rate["wilson_low"] <= rate["rate"] + 1e-12
        assert rate["rate"] - 1e-12 <= rate["wilson_high"] <= 1


@given(counts, st.integers(0, 40), st.integers(0, 40))
def test_what_is_pending_or_not_due_changes_no_rate(states: dict[str, int], pending: int, not_due: int) -> None:
    one, other = domain.rate(states), domain.rate({**states, "pending": pending, "not_due": not_due})
    figures = ("rate", "low", "high", "n", "wilson_low", "wilson_high")
    assert [one[name] for name in figures] == [other[name] for name in figures]


def test_wilson_is_the_published_interval() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, and 0 of 20.
    low, high = domain.wilson(81, 263) or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = domain.wilson(0, 20) or (0, 0)
    assert (low, round(high, 4)) == (0, 0.1611)
    assert domain.wilson(0, 0) is None


def test_people_are_counted_by_mode_and_duty() -> None:
    def group(n: int, mode: str, state: str) -> dict[str, object]:
        return {"n": n, "mode": mode, **dict.fromkeys(("on_time", "place", "hours", "report", "output"), state)}

    figures = domain.compliance([group(3, "WFO", "met"), group(1, "WFH", "not_met"), group(2, "LEAVE", "not_due")])
    assert figures["employees"] == 6
    assert figures["modes"] == {"WFO": 3, "WFH": 1, "DUTY_TRAVEL": 0, "LEAVE": 2, "OFF": 0}
    assert (figures["duties"]["hours"]["met"], figures["duties"]["hours"]["rate"]) == (3, 0.75)


def unit(**given: object) -> dict[str, object]:
    minute = 60_000_000
    return {
        "unit_id": "u",
        "name": "U",
        "opd_code": "O",
        "slo": 0.9,
        "status": "short",
        "required": 2,
        "present_low": 1,
        "present_high": 1,
        "open_us": 100 * minute,
        "met_us": 60 * minute,
        "unknown_us": 15 * minute,
        "short_us": 25 * minute,
        "required_us": 200 * minute,
        "filled_us": 150 * minute,
        "missing_us": 50 * minute,
        **given,
    }


def test_coverage_figures_are_shares_of_open_time() -> None:
    figures = domain.coverage_figures(unit())
    assert (figures["open_seconds"], figures["attainment"], figures["low"], figures["high"]) == (
        6000,
        0.6,
        0.6,
        0.75,
    )
    assert (figures["fill"], figures["short_person_minutes"], figures["spent_minutes"]) == (0.75, 50, 25)
    assert figures["budget_minutes"] == pytest.approx(10)


def test_a_counter_that_was_never_open_has_zeros_and_no_shares() -> None:
    never = dict.fromkeys(
        ("open_us", "met_us", "unknown_us", "short_us", "required_us", "filled_us", "missing_us"), 0
    )
    figures = domain.coverage_figures(unit(**never))
    assert [figures[name] for name in ("attainment", "low", "high", "fill")] == [None] * 4
    assert [figures[name] for name in ("open_seconds", "short_person_minutes", "budget_minutes")] == [0, 0, 0]


def test_attainment_of_many_is_met_time_by_open_time() -> None:
    closed = unit(status="closed", open_us=0, met_us=0)
    summary = domain.coverage_summary([unit(), unit(status="met", open_us=300, met_us=300), closed])
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
    what = {"required": 1, "present_low": 1, "present_high": 1, "status": "met"}
    pieces = [
        {"from_at": at[0], "until_at": at[1], **what},
        {"from_at": at[1], "until_at": at[2], **what},
        {"from_at": at[2], "until_at": at[3], **what, "status": "short"},
        {"from_at": at[3], "until_at": at[3], **what},
    ]
    assert [(s["from"], s["to"], s["status"]) for s in domain.merged(pieces)] == [
        (at[0], at[2], "met"),
        (at[2], at[3], "short"),
    ]


def test_the_id_of_a_transition_depends_on_what_changed_and_on_nothing_else() -> None:
    one = domain.transition_id("compliance.changed.v1", "a/2025-11-06/place", 1)
    assert one == domain.transition_id("compliance.changed.v1", "a/2025-11-06/place", 1)
    others = [
        ("compliance.changed.v1", "a/2025-11-06/place", 2),
        ("compliance.changed.v1", "a/2025-11-06/hours", 1),
    ]
    assert len({one, *(domain.transition_id(*other) for other in others)}) == 3
