"""Nobody can be picked out of what the council sees, not by any sum or difference of what is shown."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.domain import disclosure
from services.reporting.domain.disclosure import FEW, MANY
from services.reporting.domain.figures import MODES, STATES, Compliance, States, compliance
from shared.events import DUTIES

Person = tuple[str, ...]
PEOPLE = st.lists(
    st.tuples(st.sampled_from(MODES), *(st.sampled_from(STATES) for _ in DUTIES)), min_size=0, max_size=70
)
CITIES = st.lists(
    st.one_of(PEOPLE, st.lists(st.just(("WFO", *["met"] * len(DUTIES))), max_size=60)), min_size=1, max_size=6
)


class Row(Compliance):
    opd_code: str = ""
    coverage: int = 1


def figures(people: Sequence[Person]) -> dict[str, Any]:
    counted = compliance(Counter(States(mode, tuple(states)) for mode, *states in people))  # pyright: ignore[reportArgumentType]
    return Row(**dict(counted)).model_dump()


def city_for_all(city: Mapping[str, Any]) -> dict[str, Any]:
    return disclosure.city_for_all(Row(**city)).model_dump()


def opds_for_all(opds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [opd.model_dump() for opd in disclosure.opds_for_all([Row(**opd) for opd in opds])]


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
    exact = [{**figures(people), "opd_code": str(at)} for at, people in enumerate(city)]
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
    exact = [{**figures([met] * n), "opd_code": code} for code, n in (("A", 60), ("B", 3), ("C", 7), ("D", 0))]
    assert [row["employees"] for row in opds_for_all(exact)] == [60, None, None, 0]


def determined(unknown: Sequence[Any], sums: Sequence[Mapping[Any, int]]) -> set[Any]:
    """Those of the unknown that linear algebra gives: each of `sums` is coefficients of one known sum."""
    reduced: list[dict[Any, Fraction]] = []
    for sum_ in sums:
        row = {cell: Fraction(n) for cell, n in sum_.items() if n and cell in unknown}
        for other in reduced:
            pivot = next(iter(other))
            if factor := row.get(pivot):
                for cell, n in other.items():
                    row[cell] = row.get(cell, Fraction(0)) - factor * n
        row = {cell: n for cell, n in row.items() if n}
        if not row:
            continue
        pivot, first = next(iter(row.items()))
        row = {pivot: Fraction(1)} | {cell: n / first for cell, n in row.items() if cell != pivot}
        for other in reduced:
            if factor := other.get(pivot):
                for cell, n in row.items():
                    other[cell] = other.get(cell, Fraction(0)) - factor * n
                for cell in [cell for cell, n in other.items() if not n]:
                    del other[cell]
        reduced.append(row)
    return {next(iter(row)) for row in reduced if len(row) == 1}


ABSENT = ("LEAVE", "OFF")
WORKING = st.sampled_from(["WFO", "WFO", "WFO", "WFH", "LEAVE", "OFF", "DUTY_TRAVEL"])


@st.composite
def consistent(draw: st.DrawFn, reports_travel: bool) -> list[Person]:
    """People whose duties are not due where their mode says so, as the verdicts have it."""
    people: list[Person] = []
    for mode in draw(st.lists(WORKING, min_size=0, max_size=55)):
        here = mode in ("WFO", "WFH")
        at_work = here or (reports_travel and mode == "DUTY_TRAVEL")
        state = draw(st.sampled_from(["met", "met", "met", "not_met", "unknown", "pending"]))
        people.append((mode, *[state if here else "not_due"] * 3, *[state if at_work else "not_due"] * 2))
    return people


def told_by(row: Mapping[str, Any], *, reports_travel: bool) -> list[dict[Any, int]]:
    """What is known of any row by the rules alone: which of its figures add up to which."""
    sums: list[dict[Any, int]] = []
    if row["employees"] is not None:
        sums.append({("modes", mode): 1 for mode in MODES})
        sums += [{(duty, state): 1 for state in STATES} for duty in DUTIES]
    for duty in DUTIES:
        absent = ABSENT if duty in ("report", "output") and reports_travel else (*ABSENT, "DUTY_TRAVEL")
        sums.append({(duty, "not_due"): 1} | {("modes", mode): -1 for mode in absent})
    return sums


@settings(max_examples=400, deadline=None)
@given(st.booleans().flatmap(lambda travel: st.tuples(st.just(travel), consistent(travel))))
def test_modes_and_duties_do_not_give_each_other_away(drawn: tuple[bool, list[Person]]) -> None:
    travel, people = drawn
    exact = figures(people)
    shown = city_for_all(exact)
    unknown = [cell for cell, seen in cells(shown).items() if seen is None and cells(exact)[cell]]
    few = {cell for cell, n in cells(exact).items() if 0 < n < FEW and len(people) < MANY}
    assert few <= set(unknown)
    assert determined(unknown, told_by(shown, reports_travel=travel)) & few == set()


@settings(max_examples=200, deadline=None)
@given(st.lists(consistent(reports_travel=False).map(lambda people: people[:12]), min_size=1, max_size=4))
def test_the_opds_of_a_small_city_do_not_add_up_to_what_it_withholds(city: list[list[Person]]) -> None:
    exact = [{**figures(people), "opd_code": str(at)} for at, people in enumerate(city)]
    whole = figures([one for people in city for one in people])
    opds, total = opds_for_all(exact), city_for_all(whole)
    hidden = {cell for cell, seen in cells(total).items() if seen is None and cells(whole)[cell]}
    assert all(any(cells(opd)[cell] is None for opd in opds) for cell in hidden)


def test_leave_is_not_told_by_what_is_not_due() -> None:
    people: list[Person] = (
        [("WFO", *["met"] * 5)] * 22 + [("WFH", *["met"] * 5)] * 2 + [("LEAVE", *["not_due"] * 5)] * 6
    )
    shown = city_for_all(figures(people))
    assert shown["modes"] == {"WFO": 22, "WFH": None, "DUTY_TRAVEL": 0, "LEAVE": None, "OFF": 0}
    assert {(shown["duties"][duty]["met"], shown["duties"][duty]["not_due"]) for duty in DUTIES} == {(None, None)}


def test_one_who_was_late_is_not_told_by_the_modes() -> None:
    met: Person = ("WFO", *["met"] * 5)
    late: Person = ("WFO", "not_met", *["met"] * 4)
    shown = city_for_all(figures([met] * 20 + [late] + [("LEAVE", *["not_due"] * 5)] * 6))
    on_time = shown["duties"]["on_time"]
    assert (on_time["met"], on_time["not_met"], on_time["rate"]) == (None, None, None)
    assert shown["duties"]["report"]["met"] == 21
