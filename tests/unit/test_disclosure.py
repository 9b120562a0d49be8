"""Nobody can be picked out of what the council sees, not by any sum or difference of what is shown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting import domain
from services.reporting.disclosure import FEW, MANY, city_for_all, opds_for_all
from services.reporting.domain import MODES, STATES
from shared.events import DUTIES

Person = tuple[str, ...]
PEOPLE = st.lists(
    st.tuples(st.sampled_from(MODES), *(st.sampled_from(STATES) for _ in DUTIES)), min_size=0, max_size=70
)
CITIES = st.lists(st.one_of(PEOPLE, st.lists(st.just(("WFO", *["met"] * 5)), max_size=60)), min_size=1, max_size=6)


def figures(people: Sequence[Person]) -> dict[str, Any]:
    groups = [{"mode": one[0], **dict(zip(DUTIES, one[1:], strict=True)), "n": 1} for one in people]
    return {**domain.compliance(groups), "coverage": {"open": 1}}


def cells(row: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    modes = {("modes", mode): row["modes"][mode] for mode in MODES}
    return modes | {(duty, state): row["duties"][duty][state] for duty in DUTIES for state in STATES}


def lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[list[Any], bool]]:
    """(cells that add up to a figure that is known, whether few people matter there) of each row and column."""
    for row in rows:
        if row["employees"] is not None:
            yield [row["modes"][mode] for mode in MODES], row["employees"] < MANY
            for duty in DUTIES:
                yield [row["duties"][duty][state] for state in STATES], row["employees"] < MANY
    yield [row["employees"] for row in rows], True
    for cell in cells(rows[0]):
        yield [cells(row)[cell] for row in rows], False


@settings(max_examples=300, deadline=None)
@given(CITIES)
def test_no_sum_and_no_difference_gives_a_few_people_away(city: list[list[Person]]) -> None:
    exact = [{"opd_code": str(at), **figures(people)} for at, people in enumerate(city)]
    shown = opds_for_all(exact)
    assert [row["opd_code"] for row in shown] == [row["opd_code"] for row in exact]
    for (true, _), (seen, matters) in zip(lines(exact), lines_like(exact, shown), strict=True):
        assert all(cell is None or cell == real for cell, real in zip(seen, true, strict=True))
        if matters:
            assert all(cell is None or cell == 0 or cell >= FEW for cell in seen), (true, seen)
        hidden = [real for real, cell in zip(true, seen, strict=True) if cell is None and real]
        open_ = [real for real, cell in zip(true, seen, strict=True) if cell is not None and real]
        # What is hidden is of two groups and enough people; or there is no other group to hide it among.
        assert not hidden or (len(hidden) > 1 and sum(hidden) >= FEW) or not open_, (true, seen)


def lines_like(exact: Sequence[Any], shown: Sequence[Any]) -> Iterator[tuple[list[Any], bool]]:
    """The lines of `shown`, in the order of those of `exact`; a row withheld whole has no total to add to."""
    for real, row in zip(exact, shown, strict=True):
        whole = row["employees"] is None
        for family, names in (("modes", MODES), *((duty, STATES) for duty in DUTIES)):
            source = row["modes"] if family == "modes" else row["duties"][family]
            seen = [source[name] for name in names]
            assert not whole or seen == [None] * len(names)
            yield seen, not whole and real["employees"] < MANY
    yield [row["employees"] for row in shown], True
    for cell in cells(exact[0]):
        yield [cells(row)[cell] for row in shown], False


@given(PEOPLE)
def test_the_city_shows_no_few_people_and_no_rate_that_is_made_of_them(people: list[Person]) -> None:
    exact = figures(people)
    shown = city_for_all(exact)
    assert shown["coverage"] == exact["coverage"]
    if len(people) >= MANY or not people:
        assert shown == exact
    for duty in DUTIES:
        seen = shown["duties"][duty]
        lost = any(seen[state] is None for state in ("met", "not_met", "unknown"))
        for figure in ("rate", "low", "high", "n", "wilson_low", "wilson_high"):
            assert seen[figure] == (None if lost else exact["duties"][duty][figure])
    if 0 < len(people) < FEW:
        assert shown["employees"] is None
        assert set(cells(shown).values()) == {None}


def test_an_opd_of_three_is_withheld_with_the_next_smallest() -> None:
    met: Person = ("WFO", *["met"] * 5)
    exact = [{"opd_code": code, **figures([met] * n)} for code, n in (("A", 60), ("B", 3), ("C", 7), ("D", 0))]
    assert [row["employees"] for row in opds_for_all(exact)] == [60, None, None, 0]
