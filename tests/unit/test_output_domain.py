"""Home beside office, within one person and task; and what is not shown of few people."""

from collections.abc import Mapping
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.disclosure import FEW, few, few_of_table
from services.reporting.domain.output import ModeRatio, Worked, mode_ratio, ratios
from shared.events import Mode


def someone(n: int) -> UUID:
    return UUID(int=n)


def worked(person: int, task: str, mode: Mode, days: int, minutes_a_day: int) -> Worked:
    return Worked(someone(person), task, mode, days, days * minutes_a_day)


def pooled(days: list[Worked]) -> float:
    """What one would get of all days thrown together."""

    def rate(mode: Mode) -> float:
        of_mode = [one for one in days if one.mode == mode]
        return sum(one.earned for one in of_mode) / sum(one.days for one in of_mode)

    return rate("WFH") / rate("WFO")


def test_who_works_at_home_more_does_not_make_home_better() -> None:
    """Each earns a tenth less at home; but the fast ones are at home four days in five, the slow ones one."""
    days = [
        one
        for person in range(10)
        for fast in [person % 2 == 0]
        for one in (
            worked(person, "T", "WFH", 16 if fast else 4, 270 if fast else 90),
            worked(person, "T", "WFO", 4 if fast else 16, 300 if fast else 100),
        )
    ]
    assert pooled(days) > 1.5
    of_people = ratios(days, {})
    assert list(of_people.values()) == pytest.approx([0.9] * 10)
    seen = mode_ratio(list(of_people.values()))
    assert (seen.value, seen.low, seen.high) == pytest.approx((0.9, 0.9, 0.9))


def test_what_is_done_at_home_does_not_make_home_better() -> None:
    """Whoever does there what is worth more minutes a day earns more there, and not by the place."""
    days = [
        one
        for person in range(6)
        for one in (
            worked(person, "short", "WFO", 8, 100),
            worked(person, "short", "WFH", 2, 100),
            worked(person, "long", "WFO", 2, 300),
            worked(person, "long", "WFH", 8, 300),
        )
    ]
    assert pooled(days) > 1.5
    assert list(ratios(days, {}).values()) == [1.0] * 6


def test_a_day_on_which_nothing_was_handed_in_counts_and_earns_nothing() -> None:
    days = [worked(1, "T", "WFH", 5, 100), worked(1, "T", "WFO", 10, 100)]
    assert ratios(days, {}) == {someone(1): 1.0}
    assert ratios(days, {(someone(1), "WFH"): 5}) == {someone(1): 0.5}
    assert ratios(days, {(someone(1), "WFO"): 10}) == {someone(1): 2.0}
    assert ratios(days[1:], {(someone(1), "WFH"): 5}) == {someone(1): 0.0}


def test_what_cannot_be_compared_is_left_out() -> None:
    assert ratios([worked(1, "T", "WFH", 5, 100)], {}) == {}
    assert ratios([worked(1, "T", "WFO", 5, 100)], {}) == {}
    assert ratios([worked(1, "free_text", "WFH", 5, 0), worked(1, "free_text", "WFO", 5, 0)], {}) == {}
    only_one_task_can = [worked(1, "a", "WFH", 1, 9), worked(1, "b", "WFH", 1, 10), worked(1, "b", "WFO", 1, 20)]
    assert ratios(only_one_task_can, {}) == {someone(1): 0.5}


@pytest.mark.parametrize("people", range(FEW))
def test_of_few_there_is_none(people: int) -> None:
    assert mode_ratio([1.0] * people, 7, 10) == ModeRatio(None, None, None, people, 7, 10)


def test_the_interval_is_of_people_drawn_by_the_seed() -> None:
    of_people = [0.5, 0.8, 1.0, 1.1, 1.6, 0.9, 1.2]
    one, again, other = mode_ratio(of_people, 1), mode_ratio(of_people, 1), mode_ratio(of_people, 2)
    assert one == again
    assert (one.low, one.high) != (other.low, other.high)
    assert one.value == pytest.approx(sum(of_people) / 7)
    assert one.value is not None
    assert one.low is not None
    assert one.high is not None
    # By the spread of these seven, a mean of seven lies within 2 x 0.124 of theirs.
    assert 0.5 < one.low < one.value < one.high < 1.6
    assert one.high - one.low == pytest.approx(4 * 0.124, rel=0.15)


def test_numbers_that_somebody_else_can_draw_again() -> None:
    """Golden: PCG64 is the same on every machine and in every version (NEP 19)."""
    assert mode_ratio([1.0, 2.0, 3.0, 4.0, 6.0], 2025, 100) == ModeRatio(3.2, 1.8, 4.8, 5, 2025, 100)


counts = st.dictionaries(
    st.tuples(st.sampled_from("ABCD"), st.sampled_from("xyz")), st.integers(0, 12), max_size=12
)


@given(counts)
def test_nothing_hidden_follows_from_a_row_or_a_column(table: Mapping[tuple[str, str], int]) -> None:
    hidden = few_of_table(table, set())
    assert {cell for cell, n in table.items() if 0 < n < FEW} <= hidden
    for side in (0, 1):
        for name in {cell[side] for cell in table}:
            line = {cell: n for cell, n in table.items() if cell[side] == name and n}
            not_shown = [cell for cell in line if cell in hidden]
            if not_shown and len(not_shown) < len(line):
                assert len(not_shown) > 1
                assert sum(line[cell] for cell in not_shown) >= FEW


@given(counts, st.sets(st.sampled_from("ABCD")))
def test_a_row_that_is_not_shown_is_not_shown_at_all(table: Mapping[tuple[str, str], int], rows: set[str]) -> None:
    hidden = few_of_table(table, rows)
    assert {cell for cell, n in table.items() if cell[0] in rows and n} <= hidden
    assert all(table[cell] for cell in hidden)


def test_where_all_are_many_nothing_is_hidden() -> None:
    assert few({"a": 5, "b": 900}) == set()
    assert few_of_table({("A", "x"): 5, ("B", "x"): 9}, set()) == set()
    assert few({"a": 4, "b": 5, "c": 900}) == {"a", "b"}
