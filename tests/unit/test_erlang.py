"""Erlang C against published examples, and what must hold of every queue."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.erlang import needed, waiting, within

LOADS = st.floats(0.01, 200)


@pytest.mark.parametrize(
    ("load", "staff", "probability"),
    [
        # Gross, Shortle, Thompson and Harris, Fundamentals of Queueing Theory: the clinic of three doctors, six
        # patients an hour, twenty minutes each: 5/9 are seen at once.
        (2.0, 3, 4 / 9),
        # One server: the share of time in which it is busy.
        (0.8, 1, 0.8),
        (1.0, 2, 1 / 3),
        # The worked example of call centres: 100 calls in half an hour, 3 minutes each, 14 agents.
        (10.0, 14, 0.1741),
        # 360 calls in half an hour, 4 minutes each, 55 agents (mitan.co.uk, The Erlang-C Formula).
        (48.0, 55, 0.239),
    ],
)
def test_the_published_probabilities_of_waiting(load: float, staff: int, probability: float) -> None:
    assert math.isclose(waiting(load, staff), probability, abs_tol=5e-4)


def test_the_published_service_level_and_the_people_it_needs() -> None:
    # The same call centre: within 20 seconds 64.0, 79.6 and 88.8 % with 12, 13 and 14 agents.
    levels = [round(within(10, staff, 180, 20), 3) for staff in (12, 13, 14)]
    assert levels == [0.64, 0.796, 0.888]
    assert needed(10, 180, 20, 0.8) == 14
    assert needed(10, 180, 20, 0.79) == 13


@given(LOADS, st.integers(1, 250))
def test_the_recursion_says_what_the_sum_says(load: float, staff: int) -> None:
    if staff <= load or staff > 150:
        return
    terms = [math.exp(k * math.log(load) - math.lgamma(k + 1)) for k in range(staff)]
    last = math.exp(staff * math.log(load) - math.lgamma(staff + 1)) * staff / (staff - load)
    assert math.isclose(waiting(load, staff), last / (sum(terms) + last), rel_tol=1e-9, abs_tol=1e-300)


@given(LOADS, st.integers(0, 220), st.floats(1, 7200), st.floats(0, 7200))
def test_one_more_never_makes_anybody_wait_longer(load: float, staff: int, service: float, target: float) -> None:
    assert 0 <= waiting(load, staff + 1) <= waiting(load, staff) <= 1
    assert 0 <= within(load, staff, service, target) <= within(load, staff + 1, service, target) <= 1


@given(LOADS, st.integers(0, 220), st.floats(1, 7200), st.floats(0, 7200))
def test_where_no_more_are_there_than_the_load_everybody_waits_and_the_queue_only_grows(
    load: float, staff: int, service: float, target: float
) -> None:
    if staff <= load:
        assert waiting(load, staff) == 1
        assert within(load, staff, service, target) == 0


@given(LOADS, st.floats(1, 7200), st.floats(0, 7200), st.floats(0.01, 0.99))
def test_the_people_needed_are_enough_and_one_less_is_not(
    load: float, service: float, target: float, share: float
) -> None:
    staff = needed(load, service, target, share)
    assert within(load, staff, service, target) >= share
    assert within(load, staff - 1, service, target) < share


def test_nobody_is_needed_where_nobody_comes() -> None:
    assert needed(0, 180, 20, 0.8) == 0
    assert waiting(0, 1) == 0
