"""The pure rules of attendance against the words of docs/rules.md#a-punch."""

import datetime as dt
from math import cos, radians
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.attendance.domain.punches import (
    CLOCK_SKEW,
    ClockOffset,
    Flag,
    Plan,
    Position,
    Timing,
    local_date,
    metres_between,
    offline_timing,
    online_timing,
    work_date_of,
    zone_of,
)
from shared.events import Place, PunchKind

WIB = ZoneInfo("Asia/Jakarta")
DAY = dt.date(2025, 11, 6)
HOUR = dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)


def wib(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text + "+07:00")


def plan(work_date: dt.date, starts_at: str | None, ends_at: str | None) -> Plan:
    return Plan(work_date, "OPD", "unit", wib(starts_at) if starts_at else None, wib(ends_at) if ends_at else None)


OFFICE_DAY = plan(DAY, "2025-11-06T07:30", "2025-11-06T16:00")
NIGHT = plan(DAY, "2025-11-06T22:00", "2025-11-07T06:00")
NEXT_NIGHT = plan(DAY + dt.timedelta(days=1), "2025-11-07T22:00", "2025-11-08T06:00")


@pytest.mark.parametrize(
    ("kind", "at", "plans", "expected"),
    [
        ("in", "2025-11-06T07:25", [OFFICE_DAY], "2025-11-06"),
        ("out", "2025-11-07T06:05", [NIGHT], "2025-11-06"),
        ("in", "2025-11-07T03:00", [NIGHT], "2025-11-06"),
        ("out", "2025-11-07T10:00", [NIGHT], "2025-11-06"),
        ("out", "2025-11-07T10:00:01", [NIGHT], "2025-11-07"),
        ("in", "2025-11-06T18:00", [NIGHT], "2025-11-06"),
        ("in", "2025-11-07T17:59:59", [NIGHT, NEXT_NIGHT], "2025-11-07"),
        ("in", "2025-11-07T20:00", [NIGHT, NEXT_NIGHT], "2025-11-07"),
        ("in", "2025-11-06T23:30", [], "2025-11-06"),
        ("in", "2025-11-07T00:30", [], "2025-11-07"),
        ("in", "2025-11-06T07:25", [plan(DAY, None, None)], "2025-11-06"),
    ],
)
def test_a_punch_belongs_to_the_plan_that_claims_it_or_to_its_local_date(
    kind: PunchKind, at: str, plans: list[Plan], expected: str
) -> None:
    assert work_date_of(kind, wib(at), plans) == dt.date.fromisoformat(expected)


def test_an_in_goes_by_the_nearest_start_and_an_out_by_the_nearest_end() -> None:
    early = plan(DAY, "2025-11-06T06:00", "2025-11-06T14:00")
    late = plan(DAY + dt.timedelta(days=1), "2025-11-06T15:00", "2025-11-06T23:00")
    at = wib("2025-11-06T14:30")
    assert work_date_of("in", at, [early, late]) == late.work_date
    assert work_date_of("out", at, [early, late]) == early.work_date


def test_at_a_tie_the_earlier_date_wins_whatever_the_order() -> None:
    one = plan(DAY, "2025-11-06T08:00", "2025-11-06T12:00")
    two = plan(DAY + dt.timedelta(days=1), "2025-11-06T10:00", "2025-11-06T12:00")
    at = wib("2025-11-06T09:00")
    assert work_date_of("in", at, [one, two]) == work_date_of("in", at, [two, one]) == DAY


moments = st.integers(0, 11 * 24 * 60).map(
    lambda minutes: dt.datetime(2025, 11, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=minutes)
)
work_dates = st.dates(dt.date(2025, 11, 1), dt.date(2025, 11, 12))


@st.composite
def some_plans(draw: st.DrawFn) -> list[Plan]:
    found: list[Plan] = []
    for work_date in draw(st.lists(work_dates, unique=True, max_size=6)):
        if draw(st.booleans()):
            starts_at = dt.datetime.combine(work_date, dt.time(), WIB) + draw(st.integers(-3, 26)) * HOUR
            found.append(Plan(work_date, "OPD", "unit", starts_at, starts_at + draw(st.integers(0, 30)) * HOUR))
        else:
            found.append(Plan(work_date, "OPD", "unit", None, None))
    return draw(st.permutations(found))


@given(st.sampled_from(["in", "out"]), moments, some_plans())
def test_work_date_attribution_is_the_rule_read_word_for_word(
    kind: PunchKind, at: dt.datetime, plans: list[Plan]
) -> None:
    claims = [
        (abs(at - (plan.starts_at if kind == "in" else plan.ends_at)), plan.work_date)
        for plan in plans
        if plan.starts_at and plan.ends_at and plan.starts_at - 4 * HOUR <= at <= plan.ends_at + 4 * HOUR
    ]
    answer = work_date_of(kind, at, plans)
    if not claims:
        assert answer == at.astimezone(WIB).date()
    else:
        nearest = min(distance for distance, _ in claims)
        assert answer == min(date for distance, date in claims if distance == nearest)


@given(st.sampled_from(["in", "out"]), moments, some_plans())
def test_work_date_does_not_depend_on_the_order_of_plans(
    kind: PunchKind, at: dt.datetime, plans: list[Plan]
) -> None:
    assert work_date_of(kind, at, plans) == work_date_of(kind, at, list(reversed(plans)))


OFFICE = Place(lat=-6.2383, lon=106.9756, radius_m=100)
METRES_PER_DEGREE = 111_195.08


def north_of(place: Place, metres: float, accuracy_m: float) -> Position:
    return Position(place.lat + metres / METRES_PER_DEGREE, place.lon, accuracy_m)


@pytest.mark.parametrize(
    ("metres", "accuracy", "zone"),
    [
        (0, 0, "office"),
        (90, 9.9, "office"),
        (90, 10.1, "uncertain"),
        (110, 10.1, "uncertain"),
        (110, 9.9, "elsewhere"),
        (0, 101, "uncertain"),
        (5000, 6000, "uncertain"),
        (5000, 20, "elsewhere"),
    ],
)
def test_a_circle_is_inside_outside_or_crosses_the_fence(metres: float, accuracy: float, zone: str) -> None:
    assert zone_of(north_of(OFFICE, metres, accuracy), [OFFICE], []) == zone


def test_no_position_is_unknown() -> None:
    assert zone_of(None, [OFFICE], []) == "unknown"


def test_office_comes_before_remote_and_both_before_uncertain() -> None:
    at_office = north_of(OFFICE, 0, 5)
    assert zone_of(at_office, [OFFICE], [OFFICE]) == "office"
    crossing = Place(lat=OFFICE.lat, lon=OFFICE.lon, radius_m=3)
    assert zone_of(at_office, [crossing], [OFFICE]) == "remote"
    assert zone_of(at_office, [crossing, OFFICE], []) == "office"


def test_without_a_known_fence_a_position_is_elsewhere() -> None:
    far = north_of(OFFICE, 50_000, 5)
    assert zone_of(far, [], []) == "elsewhere"
    assert zone_of(far, [], [OFFICE]) == "elsewhere"
    assert zone_of(north_of(OFFICE, 0, 5), [], [OFFICE]) == "remote"


places = st.builds(Place, lat=st.floats(-6.4, -6.1), lon=st.floats(106.8, 107.1), radius_m=st.floats(1, 5000))
positions = st.builds(Position, st.floats(-6.4, -6.1), st.floats(106.8, 107.1), st.floats(0, 5000))
CERTAINTY = {"office": 0, "remote": 1, "uncertain": 2, "elsewhere": 3, "unknown": 3}


@given(positions, st.lists(places, max_size=4), st.lists(places, max_size=4))
def test_a_zone_does_not_depend_on_the_order_of_places(
    position: Position, office: list[Place], remote: list[Place]
) -> None:
    assert zone_of(position, office, remote) == zone_of(position, office[::-1], remote[::-1])


@given(positions, st.lists(places, max_size=4), st.lists(places, max_size=4), st.floats(0, 10_000))
def test_a_worse_fix_never_makes_a_place_more_certain(
    position: Position, office: list[Place], remote: list[Place], worse: float
) -> None:
    blurred = Position(position.lat, position.lon, position.accuracy_m + worse)
    before, after = zone_of(position, office, remote), zone_of(blurred, office, remote)
    if after in ("office", "remote"):
        assert CERTAINTY[before] <= CERTAINTY[after]
    if after in ("elsewhere", "unknown"):
        assert before == after


@given(positions, st.lists(places, min_size=1, max_size=4), st.lists(places, max_size=4), places)
def test_one_more_office_place_never_moves_anybody_out_of_the_office(
    position: Position, office: list[Place], remote: list[Place], more: Place
) -> None:
    before = zone_of(position, office, remote)
    after = zone_of(position, [*office, more], remote)
    assert CERTAINTY[after] <= CERTAINTY[before]


@given(positions, positions)
def test_distance_is_symmetric_and_agrees_with_the_flat_map_of_a_city(one: Position, two: Position) -> None:
    distance = metres_between(one, two)
    assert distance == pytest.approx(metres_between(two, one))
    north = (two.lat - one.lat) * METRES_PER_DEGREE
    east = (two.lon - one.lon) * METRES_PER_DEGREE * cos(radians((one.lat + two.lat) / 2))
    assert distance == pytest.approx((north**2 + east**2) ** 0.5, rel=1e-3, abs=0.01)


def test_distance_across_the_date_line_is_short() -> None:
    assert metres_between(Position(0, 179.999, 0), Position(0, -179.999, 0)) == pytest.approx(222.4, abs=1)


NOW = wib("2025-11-06T07:25")


def test_a_connected_punch_happened_when_it_was_received() -> None:
    assert online_timing(None, NOW) == online_timing(NOW, NOW)
    assert online_timing(NOW - CLOCK_SKEW, NOW).flags == ()
    skewed = online_timing(NOW - CLOCK_SKEW - SECOND, NOW)
    assert skewed == Timing(NOW, "server", ("clock_skew",))
    assert online_timing(NOW + CLOCK_SKEW + SECOND, NOW).flags == ("clock_skew",)


def offset(seconds: float, hours_ago: float = 1) -> ClockOffset:
    """The device is behind by so many seconds, as it was seen so long before NOW."""
    return ClockOffset(dt.timedelta(seconds=seconds), NOW - hours_ago * HOUR)


@pytest.mark.parametrize(
    ("device_at", "last", "at", "flags"),
    [
        ("07:20:00", None, "07:20:00", ("clock_unverified",)),
        ("07:20:00", offset(90), "07:21:30", ()),
        ("07:20:00", offset(-90), "07:18:30", ()),
        ("07:20:00", offset(90, hours_ago=24), "07:21:30", ()),
        ("07:20:00", offset(90, hours_ago=24.0001), "07:20:00", ("clock_unverified",)),
        ("07:20:00", offset(300), "07:25:00", ()),
        ("07:20:00", offset(-300), "07:15:00", ()),
        ("07:20:00", offset(300.001), "07:20:00", ("clock_unverified", "clock_skew")),
        ("07:20:00", offset(-300.001), "07:20:00", ("clock_unverified", "clock_skew")),
        # a day behind at the last exchange, mended since: a true time stays what it is
        ("07:20:00", offset(86_400), "07:20:00", ("clock_unverified", "clock_skew")),
        # a correction that would put it after the receipt is none
        ("07:24:00", offset(61), "07:24:00", ("clock_unverified",)),
        ("07:24:00", offset(60), "07:25:00", ()),
        # ahead of the server: not after the receipt
        ("07:29:00", None, "07:25:00", ("clock_unverified",)),
        ("07:31:00", None, "07:25:00", ("clock_unverified", "clock_skew")),
        ("07:31:00", offset(-299), "07:25:00", ("clock_unverified", "clock_skew")),
        ("07:29:00", offset(-240), "07:25:00", ()),
    ],
)
def test_an_offline_time_is_corrected_as_far_as_the_clock_is_known(
    device_at: str, last: ClockOffset | None, at: str, flags: tuple[Flag, ...]
) -> None:
    timing = offline_timing(wib(f"2025-11-06T{device_at}"), NOW, last)
    assert timing == Timing(wib(f"2025-11-06T{at}"), "unverified", flags)


offsets = st.builds(ClockOffset, st.timedeltas(-HOUR * 48, HOUR * 48), moments)


@given(moments, moments, st.none() | offsets)
def test_an_offline_time_is_unverified_never_after_its_receipt_and_moved_by_five_minutes_at_most(
    device_at: dt.datetime, received_at: dt.datetime, last: ClockOffset | None
) -> None:
    timing = offline_timing(device_at, received_at, last)
    assert timing.trust == "unverified"
    assert timing.at <= received_at
    assert abs(timing.at - min(device_at, received_at)) <= CLOCK_SKEW
    if last is None:
        assert (timing.at, "clock_unverified" in timing.flags) == (min(device_at, received_at), True)


@pytest.mark.fault(35)
def test_the_local_date_changes_at_midnight_in_bekasi() -> None:
    assert local_date(dt.datetime(2025, 11, 5, 16, 59, 59, tzinfo=dt.UTC)) == dt.date(2025, 11, 5)
    assert local_date(dt.datetime(2025, 11, 5, 17, 0, tzinfo=dt.UTC)) == DAY
