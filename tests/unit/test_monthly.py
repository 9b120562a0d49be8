"""What a month weighs, and what rates would leave of an allowance."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain import allowance
from services.reporting.domain.allowance import Rate, Rates, deductions, in_force, share
from services.reporting.domain.figures import MODES, States
from services.reporting.domain.monthly import (
    Group,
    Mark,
    Month,
    PersonMonth,
    counted_days,
    longest_run,
    month_of,
    sanction_level,
)
from shared.csvfile import Rejected, read
from shared.events.base import State

NOVEMBER = Month(2025, 11)
MET: tuple[State, ...] = ("met", "met", "met", "met", "met")
LATE: tuple[State, ...] = ("not_met", "met", "met", "met", "met")
BAD: tuple[State, ...] = ("not_met", "not_met", "not_met", "not_met", "not_met")
UNKNOWN: tuple[State, ...] = ("unknown", "unknown", "unknown", "unknown", "unknown")

LEVELS = [
    (0, None),
    (2, None),
    (3, "light_1"),
    (4, "light_2"),
    (6, "light_2"),
    (7, "light_3"),
    (10, "light_3"),
    (11, "medium_1"),
    (13, "medium_1"),
    (14, "medium_2"),
    (16, "medium_2"),
    (17, "medium_3"),
    (20, "medium_3"),
    (21, "severe_1"),
    (24, "severe_1"),
    (25, "severe_2"),
    (27, "severe_2"),
    (28, "severe_3"),
    (365, "severe_3"),
]


@pytest.mark.parametrize(("days", "level"), LEVELS)
def test_each_level_begins_and_ends_where_the_regulation_says(days: int, level: str | None) -> None:
    assert sanction_level(days, 0) == level
    assert sanction_level(days, 9) == level
    assert sanction_level(days, 10) == "severe_3"


@pytest.mark.parametrize(("minutes", "days"), [(0, 2), (449, 2), (450, 3), (899, 3), (900, 4)])
def test_each_450_minutes_count_as_a_day(minutes: int, days: int) -> None:
    assert counted_days(2, minutes) == days


@pytest.mark.parametrize("name", ["2025-11", "1900-01", "2999-12", "2024-02"])
def test_a_month_is_read_as_it_is_written(name: str) -> None:
    month = month_of(name)
    assert month is not None
    assert month.name == name
    assert month.first.day == 1
    assert (month.last + dt.timedelta(1)).day == 1
    assert month.year_first == dt.date(month.year, 1, 1)


@pytest.mark.parametrize(
    "name", ["2025-13", "2025-00", "2025-1", "1899-12", "3000-01", "2025-11-01", "\u0662025-11", ""]
)
def test_what_is_no_month_is_none(name: str) -> None:
    assert month_of(name) is None


@given(st.lists(st.booleans(), max_size=40), st.data())
def test_the_longest_run_is_that_of_the_joined(gaps: list[bool], data: st.DataObject) -> None:
    dates = [dt.date(2025, 1, 1) + dt.timedelta(nth * data.draw(st.integers(1, 1))) for nth in range(len(gaps))]
    joined = {date for date, is_joined in zip(dates[1:], gaps[1:], strict=False) if is_joined}
    text = "".join("1" if date in joined else " 1" for date in dates)
    assert longest_run(dates, joined) == max((len(run) for run in text.split()), default=0)


def month(*days: tuple[tuple[State, ...], int | None, int | None], absent: int = 0) -> PersonMonth:
    """A month of days: their states, minutes late and early."""
    person = PersonMonth(uuid4())
    for nth, (states, late, early) in enumerate(days, 1):
        date = dt.date(2025, 11, nth)
        person.add(Group(person.employee_id, "OPD-1", States("WFO", states), 1, 8 * 3_600_000_000, date))
        person.mark(Mark(person.employee_id, date, late, early, absent=nth <= absent), NOVEMBER)
    return person


def rates(text: str) -> Rates:
    return Rates("a", dt.date(2025, 1, 1), allowance.read(read(f"kind,from_minutes,rate\n{text}".encode(), ())))


def test_minutes_are_deducted_by_the_band_that_a_day_reaches() -> None:
    given = rates("late,61,0.02\nlate,1,0.005\nlate,31,0.01\nearly,1,0.001\n")
    assert [rate.from_minutes for rate in given.rates] == [1, 31, 61, 1]
    taken = deductions(
        given, month((LATE, 0, None), (LATE, 30, None), (LATE, 31, 5), (LATE, 60, None), (LATE, 500, None))
    )
    assert [(one.rate.kind, one.rate.from_minutes, one.times) for one in taken] == [
        ("late", 1, 1),
        ("late", 31, 2),
        ("late", 61, 1),
        ("early", 1, 1),
    ]
    assert share(taken) == 1 - Fraction("0.005") - 2 * Fraction("0.01") - Fraction("0.02") - Fraction("0.001")


def test_output_takes_its_share_of_the_judged_reports() -> None:
    given = rates("report,,0.01\noutput,,0.3\nabsent,,0.04\n")
    taken = deductions(
        given, month((BAD, None, None), (MET, None, None), (MET, None, None), (UNKNOWN, None, None), absent=1)
    )
    assert {one.rate.kind: (one.times, one.share) for one in taken} == {
        "absent": (1, Fraction("0.04")),
        "report": (1, Fraction("0.01")),
        "output": (1, Fraction("0.1")),
    }


def test_what_is_unknown_takes_nothing() -> None:
    taken = deductions(
        rates("report,,1\noutput,,1\nabsent,,1\nlate,0,1\nearly,0,1\n"), month((UNKNOWN, None, None))
    )
    assert taken == []
    assert share(taken) == 1


kinds = st.sampled_from(allowance.KINDS)
some_rates = st.lists(
    st.builds(Rate, kinds, st.none(), st.decimals(0, 1, places=4)), max_size=5, unique_by=lambda rate: rate.kind
)


@given(some_rates, st.lists(st.sampled_from([MET, LATE, BAD, UNKNOWN]), max_size=28))
def test_a_share_is_from_0_to_1_and_never_grows_by_another_bad_day(
    given_rates: list[Rate], days: list[tuple[State, ...]]
) -> None:
    given = Rates("a", dt.date(2025, 1, 1), tuple(given_rates))
    counted = [(states, 10 if states == LATE else None, None) for states in days]
    left = share(deductions(given, month(*counted)))
    assert 0 <= left <= 1
    assert share(deductions(given, month(*counted, (BAD, 10, 10), absent=1))) <= left


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("late,1,1.01", [(2, "rate", "allowance.rate")]),
        ("late,1,-0.1", [(2, "rate", "allowance.rate")]),
        ("late,1,2.5%", [(2, "rate", "allowance.rate")]),
        ("late,1,NaN", [(2, "rate", "allowance.rate")]),
        ("late,1,", [(2, "rate", "import.required")]),
        ("late,1,0.0000001", [(2, "rate", "allowance.decimals")]),
        ("late,,0.1", [(2, "from_minutes", "import.required")]),
        ("late,1441,0.1", [(2, "from_minutes", "import.whole")]),
        ("absent,1,0.1", [(2, "from_minutes", "allowance.no_band")]),
        ("overtime,,0.1", [(2, "kind", "import.choice")]),
        ("late,1,0.1\nlate,1,0.2", [(3, "kind", "import.twice")]),
        ("", [(1, "", "import.empty")]),
    ],
)
def test_a_wrong_rate_is_named_by_row_and_column(text: str, told: list[tuple[int, str, str]]) -> None:
    with pytest.raises(Rejected) as rejected:
        rates(text)
    assert [(one.row, one.column, one.code) for one in rejected.value.errors] == told


@pytest.mark.parametrize("text", ["absent,,1", "absent,,0", "absent,,1.000", 'absent,,"0,025"', "absent,,1e-3"])
def test_a_rate_is_a_share(text: str) -> None:
    assert 0 <= rates(text).rates[0].rate <= Decimal(1)


def test_rates_hold_for_months_that_begin_with_them() -> None:
    begins = {"a": dt.date(2025, 1, 1), "b": NOVEMBER.first, "B": NOVEMBER.first, "c": dt.date(2025, 11, 2)}
    versions = [Rates(name, date, ()) for name, date in begins.items()]
    assert in_force(versions, dt.date(2024, 12, 1)) is None
    assert in_force(versions, dt.date(2025, 10, 1)) == versions[0]
    assert in_force(versions, NOVEMBER.first) == versions[1]
    assert in_force(versions, dt.date(2025, 12, 1)) == versions[3]


def test_a_month_belongs_to_the_opd_of_its_last_plan() -> None:
    person = PersonMonth(uuid4())
    for opd, day in (("B", 20), ("A", 5)):
        person.add(Group(person.employee_id, opd, States("WFO", MET), 2, 0, dt.date(2025, 11, day)))
    assert (person.opd_code, person.person_days["WFO"], set(person.person_days)) == ("B", 4, set(MODES))
