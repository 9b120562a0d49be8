"""The five states of a person-day as one number."""

from itertools import product

from services.reporting.domain.figures import STATES, code_of, states_of
from shared.events import DUTIES


def test_every_combination_has_a_number_of_its_own_and_comes_back_from_it() -> None:
    combinations = list(product(STATES, repeat=len(DUTIES)))
    assert {code_of(states) for states in combinations} == set(range(len(STATES) ** len(DUTIES)))
    assert all(states_of(code_of(states)) == states for states in combinations)


def test_the_first_duty_has_the_ones() -> None:
    assert code_of(("not_met", "met", "met", "met", "unknown")) == 1 + 2 * 625
