"""A counter's error budget: what its windows hold, when they burn, and when they are looked at again."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain import budget
from services.reporting.domain.budget import Spell, latest, look_again, spending
from services.reporting.domain.counters import Piece, Status
from tests.kit.reporting import at

HOUR, DAY = budget.HOUR_US, budget.DAY_US
FULL = Spell(DAY)
STATUSES = st.sampled_from(["met", "short", "unknown", "closed"])


def piece(status: Status, begins: str, ends: str) -> Piece:
    return Piece("L1", at(begins), at(ends), 1, 0, 0, status)


def short(minutes: int) -> Spell:
    return Spell(DAY, minutes * 60_000_000)


def test_a_window_holds_the_latest_opening_time_and_skips_what_is_closed() -> None:
    day = [piece("met", "08:00", "12:00"), piece("closed", "12:00", "13:00"), piece("short", "13:00", "13:20")]
    assert latest(day, HOUR) == Spell(HOUR, 20 * 60_000_000)
    assert latest(day, 8 * HOUR) == Spell(4 * HOUR + HOUR // 3, HOUR // 3)
    assert latest(day, 10 * 60_000_000) == Spell(HOUR // 6, HOUR // 6)
    assert latest([], HOUR) == Spell()


def test_a_day_burns_when_a_fifth_of_a_months_budget_goes_in_it_and_still_goes() -> None:
    # slo 0.99: a fifth of a month's 96 minutes are 19.2 minutes
    calm = [piece("met", "07:00", "14:40"), piece("short", "14:40", "14:59")]
    burning = [piece("met", "07:00", "14:40"), piece("short", "14:40", "15:00")]
    over = [*burning, piece("met", "15:00", "16:00")]
    said = [spending(0.99, [FULL], pieces)["day"] for pieces in (calm, burning, over)]
    assert [one.burns for one in said] == [False, True, False]
    assert (said[1].spent_minutes, round(said[1].budget_minutes, 6)) == (20.0, 4.8)
    assert round(said[1].burn_rate or 0, 6) == round(20 / 4.8, 6)


def test_nothing_is_said_of_an_hour_that_is_not_over() -> None:
    assert not spending(0.99, [Spell(HOUR - 1, HOUR - 1)], [piece("short", "08:00", "08:59")])["day"].burns
    assert spending(0.99, [Spell(HOUR, HOUR)], [piece("short", "08:00", "09:00")])["day"].burns


def test_a_month_is_spent_when_twenty_open_dates_have_no_budget_left_and_recovers_when_they_have() -> None:
    # 20 dates of 480 minutes at slo 0.99: 96 minutes
    spent = [short(96), *[FULL] * 19]
    assert spending(0.99, spent, [])["month"].burns
    assert not spending(0.99, [short(95), *[FULL] * 19], [])["month"].burns
    # One more good date, and the one that spent it is the oldest: then it is out of the window.
    assert not spending(0.99, [FULL] * 20 + [short(96)], [])["month"].burns


def test_of_a_month_of_few_dates_nothing_is_said() -> None:
    assert not spending(0.99, [short(480)] * 4, [])["month"].burns
    assert spending(0.99, [short(480)] * 5, [])["month"].burns


def test_without_a_budget_any_shortage_burns_and_has_no_rate() -> None:
    month = spending(1.0, [short(1), *[FULL] * 4], [])["month"]
    assert month.burns
    assert month.burn_rate is None
    assert not spending(1.0, [FULL] * 5, [])["month"].burns


def test_a_rate_that_cannot_be_reached_is_reached_by_a_counter_that_is_always_short() -> None:
    # At slo 0.5 the highest burn rate is 2.
    assert spending(0.5, [Spell(DAY, DAY)], [piece("short", "08:00", "16:00")])["day"].burns


@given(
    st.lists(st.tuples(STATUSES, st.integers(1, 300)), max_size=12),
    st.floats(0, 1),
    st.lists(st.tuples(st.integers(1, DAY), st.floats(0, 1)), max_size=25),
)
def test_a_counter_that_was_never_short_burns_nothing_and_rates_are_what_was_spent_by_the_budget(
    parts: list[tuple[Status, int]], slo: float, dates: list[tuple[int, float]]
) -> None:
    begins, pieces = at("00:00"), list[Piece]()
    for status, minutes in parts:
        ends = begins + dt.timedelta(minutes=minutes)
        pieces.append(Piece("L1", begins, ends, 1, 0, 0, status))
        begins = ends
    spells = [Spell(us, int(us * share)) for us, share in dates]
    for one in spending(slo, spells, pieces).values():
        assert 0 <= one.long.short_us <= one.long.open_us
        if not one.long.short_us:
            assert not one.burns
        if one.burn_rate is not None:
            # what the contract holds (shared/events/base.py, Quantity)
            assert 0 <= one.burn_rate * one.budget_minutes <= one.spent_minutes * 1.001 <= 1e12
            assert one.burn_rate <= 1e12


def test_a_counter_is_looked_at_when_it_will_be_short_each_minute_while_it_is_and_at_midnight() -> None:
    tomorrow = at("00:00", dt.date(2025, 11, 7))
    day = [piece("closed", "00:00", "08:00"), piece("short", "08:00", "09:00"), piece("met", "09:00", "15:00")]
    assert look_again(at("06:00"), day, tomorrow, said=False) == at("08:00")
    assert look_again(at("08:30"), day[1:], tomorrow, said=False) == at("08:31")
    assert look_again(at("10:00"), day[2:], tomorrow, said=False) == tomorrow
    # What is said may become untrue by good opening time alone.
    assert look_again(at("10:00"), day[2:], tomorrow, said=True) == at("10:01")
    assert look_again(at("15:30"), [piece("closed", "15:00", "23:59")], tomorrow, said=True) == tomorrow
