"""What the board's pages order, find and leave out. Pure."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.arrivals import EDGES, Morning, curve, dates_before, morning
from services.reporting.domain.counters import Point, Standing, Times, coverage
from services.reporting.domain.disclosure import FEW, MANY, too_few
from services.reporting.domain.figures import Counted, States
from services.reporting.views.board import matches, opds_worst_first, units_worst_first
from services.reporting.views.figures import OpdFigures
from shared.dates import midnight

DAY = dt.date(2025, 11, 6)
NINE = dt.timedelta(hours=9)


def standing(unit_id: str, status: str, missing: int = 0, met_us: int = 0) -> Standing:
    return Standing(
        Point(unit_id, unit_id, "OPD", 0.95),
        status,  # pyright: ignore[reportArgumentType] - a literal at every call
        2,
        2 - missing,
        2,
        None,
        Times(open_us=100 if status != "closed" else 0, met_us=met_us),
    )


def opd(code: str, counters: list[Standing], *on_time: str) -> OpdFigures:
    people = Counted()
    for state in on_time:
        people[States("WFO", (state, "pending", "pending", "pending", "pending"))] += 1  # pyright: ignore[reportArgumentType]
    return OpdFigures(
        opd_code=code,
        opd_name=code,
        date=DAY,
        as_of=midnight(DAY),
        coverage=coverage(counters),
        **dict(people.compliance),
    )


def test_opds_stand_by_counters_that_are_short_then_by_attainment_then_by_who_is_late() -> None:
    opds = [
        opd("nothing due", []),
        opd("all well", [standing("a", "met", met_us=100)], "met"),
        opd("late", [standing("a", "met", met_us=100)], "not_met"),
        opd("was short", [standing("a", "met", met_us=50)], "met"),
        opd("short", [standing("a", "short", 1, met_us=100)], "met"),
    ]
    assert [one.opd_code for one in opds_worst_first(opds)] == [
        *("short", "was short", "late", "all well", "nothing due")
    ]


def test_counters_stand_by_how_many_lack_then_the_unknown_and_the_closed_last() -> None:
    counters = [
        standing("closed", "closed"),
        standing("met", "met", met_us=100),
        standing("met before short", "met", met_us=10),
        standing("unknown", "unknown"),
        standing("lacks one", "short", 1),
        standing("lacks two", "short", 2),
    ]
    assert [one.unit_id for one in units_worst_first(counters)] == [
        *("lacks two", "lacks one", "unknown", "met before short", "met", "closed")
    ]


def test_a_search_finds_by_parts_of_every_word_in_any_case_and_order() -> None:
    assert matches("KERJA loket", "Loket Pengaduan", "Dinas Tenaga Kerja")
    assert matches("", "anything")
    assert not matches("loket kesehatan", "Loket Pengaduan", "Dinas Tenaga Kerja")


def test_a_morning_counts_who_has_come_by_each_quarter_of_an_hour() -> None:
    found = morning({0: 1, 6: 3}, late=4)
    assert found.planned == 8
    assert found.came[:1] == (1,)
    assert found.came[6] == found.came[-1] == 4


def test_the_curve_ends_at_the_moment_and_days_off_say_nothing_of_a_usual_day() -> None:
    whole = (10,) * len(EDGES)
    before = [Morning(10, whole), Morning(20, whole), Morning(40, whole), Morning(0, (0,) * len(EDGES))]
    found = curve(Morning(10, whole), NINE, before)
    assert [one.time for one in found if one.share is not None][-1] == NINE
    assert {(one.low, one.usual, one.high) for one in found} == {(0.25, 0.5, 1.0)}
    none = curve(Morning(0, (0,) * len(EDGES)), NINE, [])
    assert {(one.share, one.low, one.usual, one.high) for one in none} == {(None, None, None, None)}


def test_a_usual_day_is_the_same_weekday_of_four_weeks() -> None:
    dates = dates_before(DAY)
    assert [date.weekday() for date in dates] == [3] * 4
    assert dates[-1] == dt.date(2025, 10, 9)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 200), max_size=8))
def test_what_is_shown_of_the_others_tells_of_no_few_people(employees: dict[str, int]) -> None:
    hidden = too_few(employees)
    assert {key for key, n in employees.items() if 0 < n < MANY} <= hidden
    people = {key for key, n in employees.items() if n}
    if hidden and people - hidden:  # else there is nothing to take from the whole
        assert len(hidden) > 1
        assert sum(employees[key] for key in hidden) >= FEW
