"""When something leaves the house, when it is tried again, and when a server is taken to be down. Pure."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.delivery import (
    LONGEST_ASKED,
    LONGEST_PAUSE,
    MOST_TRIES,
    Breaker,
    ceiling,
    going,
    is_quiet,
    pause,
    quiet_ends,
)
from services.notifications.domain.rules import Limits, shipped
from shared.dates import WIB

DRAWN = st.floats(0, 1)
TIMES = st.times().map(lambda time: time.replace(second=0, microsecond=0))
INSTANTS = st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=dt.UTC))  # noqa: DTZ001 - the zone follows


def limits(quiet_from: dt.time, quiet_until: dt.time) -> Limits:
    return Limits(per_person_per_hour=6, quiet_from=quiet_from, quiet_until=quiet_until, city_opd="BKPSDM")


def test_ceilings_double_from_five_seconds_to_an_hour() -> None:
    assert [ceiling(attempt).total_seconds() for attempt in (1, 2, 3, 10, 11, 12, 500)] == [
        5,
        10,
        20,
        2560,
        3600,
        3600,
        3600,
    ]


@given(st.integers(1, MOST_TRIES - 1), DRAWN)
def test_a_pause_is_drawn_between_nothing_and_the_ceiling(attempt: int, drawn: float) -> None:
    wait = pause(attempt, drawn)
    assert wait is not None
    assert dt.timedelta() <= wait <= ceiling(attempt) <= LONGEST_PAUSE


@given(st.integers(1, MOST_TRIES - 1), DRAWN, st.timedeltas(dt.timedelta(), dt.timedelta(days=30)))
def test_a_server_is_not_asked_again_sooner_than_it_said_nor_waited_for_too_long(
    attempt: int, drawn: float, asked: dt.timedelta
) -> None:
    wait = pause(attempt, drawn, asked)
    assert wait is not None
    assert min(asked, LONGEST_ASKED) <= wait <= max(LONGEST_PAUSE, LONGEST_ASKED)


def test_the_last_try_is_the_last() -> None:
    assert pause(MOST_TRIES, 0.5) is None
    assert pause(MOST_TRIES - 1, 0.5) is not None


@given(TIMES, TIMES, INSTANTS)
def test_quiet_hours_end_within_a_day_at_their_own_time(first: dt.time, last: dt.time, now: dt.datetime) -> None:
    ends = quiet_ends(limits(first, last), now)
    assert is_quiet(limits(first, last), now) == (ends is not None)
    if ends is not None:
        assert dt.timedelta() < ends - now <= dt.timedelta(days=1)
        assert ends.astimezone(WIB).time() == last
        assert not is_quiet(limits(first, last), ends)


@given(TIMES, TIMES, INSTANTS)
def test_each_minute_is_quiet_by_one_rule_or_by_its_opposite(
    first: dt.time, last: dt.time, now: dt.datetime
) -> None:
    if first != last:
        assert is_quiet(limits(first, last), now) != is_quiet(limits(last, first), now)
    else:
        assert not is_quiet(limits(first, last), now)


@pytest.mark.parametrize(
    ("at", "quiet"), [("20:59", False), ("21:00", True), ("23:59", True), ("05:29", True), ("05:30", False)]
)
def test_the_shipped_night(at: str, quiet: bool) -> None:
    now = dt.datetime.combine(dt.date(2025, 11, 6), dt.time.fromisoformat(at), WIB)
    assert is_quiet(shipped().limits, now) is quiet


def test_a_breaker_opens_after_three_failures_and_lets_one_try() -> None:
    breaker = Breaker()
    for _ in range(2):
        breaker = breaker.failed(100.0, 1.0)
        assert breaker.state(100.0) == "closed"
    breaker = breaker.failed(100.0, 1.0)
    assert breaker.state(114.9) == "open"
    assert breaker.state(115.1) == "half_open"
    assert breaker.tries().state(115.1) == "open"  # one is enough
    assert breaker.tries().worked().state(115.1) == "closed"


@given(st.lists(DRAWN, min_size=1, max_size=30))
def test_each_time_a_breaker_opens_again_it_is_open_for_longer_up_to_five_minutes(drawn: list[float]) -> None:
    now_s, breaker = 0.0, Breaker()
    for _ in range(Breaker.OPENS_AFTER):
        breaker = breaker.failed(now_s, 1.0)
    for lot in drawn:
        now_s = breaker.until_s
        assert breaker.state(now_s) == "half_open"
        breaker = breaker.tries().failed(now_s, lot)
        # Sums, not a difference: a difference of floats is rounded once more.
        assert now_s + Breaker.FIRST_S <= breaker.until_s <= now_s + Breaker.LONGEST_S


def test_parcels_that_were_under_way_when_it_opened_make_it_no_longer() -> None:
    breaker = Breaker()
    for _ in range(3):
        breaker = breaker.failed(0.0, 1.0)
    until_s = breaker.until_s
    for _ in range(50):
        breaker = breaker.failed(1.0, 1.0)
    assert breaker.until_s == until_s


def test_what_goes_out_follows_the_rules() -> None:
    out = {(one.kind, one.way): one for one in going(shipped())}
    assert ("report.accepted", "email") not in out
    assert out["schedule.changed", "email"].held_s == 120
    assert out["counter.short", "webhook"].urgent
    assert out["schedule.changed", "gateway"].channel == "push"
    assert {way for kind, way in out if kind == "digest.council"} == {"email", "webhook"}
