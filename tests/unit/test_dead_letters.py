"""When dead letters are too many: a value that only grows by what it is told."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from shared.dead_letters import WINDOW, DeadLetterLimit, Limit, Poison, Tally


def poison() -> Poison:
    record: ConsumerRecord[Any, Any] = ConsumerRecord("t.v1", 3, 7, 0, 0, b"k", b"v", None, 1, 1, ())
    return Poison(record, "schema")


def tally_of(records: list[bool]) -> Tally:
    tally = Tally()
    for dead in records:
        tally = tally.after(dead)
    return tally


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 700)), max_size=12))
def test_counting_good_records_at_once_is_counting_them_one_by_one(runs: list[tuple[bool, int]]) -> None:
    at_once, one_by_one = Tally(), Tally()
    for dead, length in runs:
        if dead:
            for _ in range(length):
                at_once = at_once.after(True)
        else:
            at_once = at_once.after_good(length)
        for _ in range(length):
            one_by_one = one_by_one.after(dead)
    assert at_once == one_by_one


@given(st.lists(st.booleans(), max_size=WINDOW * 2))
def test_a_tally_tells_the_latest_records(records: list[bool]) -> None:
    tally = tally_of(records)
    assert tally.of_the_last_thousand == sum(records[-WINDOW:])
    assert tally.in_a_row == next((n for n, dead in enumerate(reversed(records)) if not dead), len(records))


@pytest.mark.parametrize(
    ("records", "setting"),
    [
        ([True] * 5, "HADIR_DEAD_LETTER_LIMIT"),
        ([False] * 900 + [True] * 5, "HADIR_DEAD_LETTER_LIMIT"),
        ([True, False] * 20, "HADIR_DEAD_LETTER_PER_THOUSAND"),
    ],
)
def test_too_many_stop_and_the_error_names_partition_and_setting(records: list[bool], setting: str) -> None:
    with pytest.raises(DeadLetterLimit, match=rf"t\.v1, partition 3;.*{setting}"):
        Limit(5, 20).check(tally_of(records), poison())


@pytest.mark.parametrize("records", [[], [True] * 4, [True, False] * 19, ([True] + [False] * 60) * 100])
def test_a_few_bad_records_stop_nothing(records: list[bool]) -> None:
    Limit(5, 20).check(tally_of(records), poison())
