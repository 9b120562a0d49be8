"""The worked examples of the rules, against the demonstration's own second opinion."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest

from demo.expect import (
    WIB,
    Day,
    Opening,
    Outage,
    Plan,
    Punch,
    Report,
    Review,
    Rules,
    ServicePoint,
    coverage,
    figures,
    verdicts,
    wilson,
)

DATE = date(2025, 11, 6)
MIDNIGHT = datetime(2025, 11, 7, tzinfo=WIB)
RULES = Rules(0, frozenset({"WFO", "WFH"}), time(17, 0), 3, frozenset())
WHO = UUID(int=1)


def at(text: str) -> datetime:
    return datetime.combine(DATE, time.fromisoformat(text), WIB).astimezone(UTC)


def plan(mode: str = "WFO", who: UUID = WHO) -> Plan:
    return Plan(who, "KEC01", "KEC01-PATEN", DATE, mode, at("07:30"), at("16:00"))


def punch(kind: str, when: str, zone: str = "office") -> Punch:
    return Punch(f"{kind}{when}", DATE, kind, at(when), zone)


def offline(kind: str, when: str, received: str) -> Punch:
    return Punch(f"{kind}{when}", DATE, kind, at(when), "office", at(received), verified=False)


CITY_OUTAGE = Outage(at("07:10"), at("07:20"), everyone=True)


@pytest.mark.parametrize(
    ("punches", "outages", "as_of", "expected"),
    [
        ([punch("in", "07:30:00")], [], MIDNIGHT, {"on_time": "met"}),
        ([punch("in", "07:30:01")], [], MIDNIGHT, {"on_time": "not_met"}),
        ([punch("in", "07:31")], [CITY_OUTAGE], MIDNIGHT, {"on_time": "unknown"}),
        (
            [punch("in", "07:25"), punch("out", "15:55")],
            [],
            MIDNIGHT,
            {"on_time": "met", "place": "met", "hours": "met"},
        ),
        ([], [], at("12:00"), {"on_time": "not_met", "place": "pending", "hours": "pending"}),
        ([punch("in", "07:25")], [], MIDNIGHT, {"hours": "unknown"}),
        ([punch("in", "07:25", "elsewhere")], [], MIDNIGHT, {"place": "not_met"}),
        ([punch("in", "07:25", "uncertain")], [], MIDNIGHT, {"place": "unknown"}),
        ([punch("in", "09:00")], [], at("08:59"), {"on_time": "not_met", "place": "pending"}),
        ([offline("in", "07:25", "07:40")], [], MIDNIGHT, {"on_time": "unknown", "place": "met"}),
        ([offline("in", "07:25", "07:30")], [], MIDNIGHT, {"on_time": "met"}),
        ([offline("in", "07:31", "07:40")], [], MIDNIGHT, {"on_time": "not_met"}),
        ([offline("in", "07:25", "07:40"), punch("in", "07:29")], [], MIDNIGHT, {"on_time": "met"}),
        ([offline("in", "07:25", "07:40"), punch("out", "16:00")], [], MIDNIGHT, {"hours": "unknown"}),
        ([offline("in", "07:25", "07:30"), punch("out", "16:00")], [], MIDNIGHT, {"hours": "met"}),
        ([punch("in", "07:25"), offline("out", "16:00", "16:01")], [], MIDNIGHT, {"hours": "unknown"}),
        ([punch("in", "07:25"), offline("out", "15:00", "16:01")], [], MIDNIGHT, {"hours": "not_met"}),
    ],
)
def test_the_worked_examples_hold(
    punches: list[Punch], outages: list[Outage], as_of: datetime, expected: dict[str, str]
) -> None:
    got = verdicts(Day(plan(), punches), outages, RULES, as_of)
    assert {duty: got[duty] for duty in expected} == expected


def test_working_at_home_from_a_registered_place_is_the_right_place() -> None:
    assert verdicts(Day(plan("WFH"), [punch("in", "07:20", "remote")]), [], RULES, MIDNIGHT)["place"] == "met"
    assert verdicts(Day(plan("WFO"), [punch("in", "07:20", "remote")]), [], RULES, MIDNIGHT)["place"] == "not_met"


@pytest.mark.parametrize("mode", ["LEAVE", "OFF"])
def test_who_is_away_owes_nothing(mode: str) -> None:
    assert set(verdicts(Day(plan(mode)), [], RULES, MIDNIGHT).values()) == {"not_due"}


def test_output_follows_the_latest_review_of_the_latest_revision() -> None:
    day = Day(plan(), reports=[Report(1, at("15:00")), Report(2, at("16:00"))])
    day.reviews = [Review(1, 1, at("15:30"), "accepted", 3)]
    assert verdicts(day, [], RULES, MIDNIGHT)["output"] == "pending"
    day.reviews.append(Review(2, 1, at("16:30"), "accepted", 0))
    assert verdicts(day, [], RULES, MIDNIGHT)["output"] == "not_met"
    day.reviews.append(Review(2, 2, at("16:40"), "accepted", 2))
    assert verdicts(day, [], RULES, MIDNIGHT)["output"] == "met"
    assert verdicts(day, [], RULES, at("15:45"))["output"] == "met"


def test_a_silent_superior_costs_nothing_after_three_working_days() -> None:
    day = Day(plan(), reports=[Report(1, at("15:00"))])
    eleventh_ends = datetime(2025, 11, 12, tzinfo=WIB)  # Thursday + Friday, Monday, Tuesday
    assert verdicts(day, [], RULES, eleventh_ends - timedelta(seconds=1))["output"] == "pending"
    assert verdicts(day, [], RULES, eleventh_ends)["output"] == "unknown"


POINT = ServicePoint(
    "KEC01-PATEN", "KEC01", (Opening(frozenset({3}), at("08:00"), at("15:00"), 2, on_holidays=False),), 0.95
)


def test_a_counter_is_short_while_fewer_than_the_minimum_are_there() -> None:
    one = Day(plan(), [punch("in", "07:25"), punch("out", "16:00")])
    two = Day(plan(who=UUID(int=2)), [punch("in", "08:30"), punch("out", "16:01")])
    got = coverage(POINT, [one, two], [], on=DATE, holiday=False, as_of=MIDNIGHT)
    assert (got["open_seconds"], got["short_seconds"], got["met_seconds"]) == (7 * 3600, 1800, 6.5 * 3600)
    assert got["short_person_minutes"] == 30
    assert got["status"] == "closed"
    assert got["fill"] == (2 * 6.5 + 0.5) / 14


def test_an_outage_or_an_uncertain_position_makes_it_unknown_and_not_short() -> None:
    one = Day(plan(), [punch("in", "07:25"), punch("out", "16:00")])
    two = Day(plan(who=UUID(int=2)), [punch("in", "07:40", "uncertain"), punch("out", "12:00")])
    outage = Outage(at("13:00"), at("13:10"), opd_codes=frozenset({"KEC01"}))
    got = coverage(POINT, [one, two], [outage], on=DATE, holiday=False, as_of=at("14:00"))
    assert got["unknown_seconds"] == 4 * 3600 + 600
    assert got["short_seconds"] == 3600 + 50 * 60
    assert (got["status"], got["required"], got["present_low"], got["present_high"]) == ("short", 2, 1, 1)


def test_who_came_or_left_by_a_time_that_cannot_be_relied_on_may_be_there_and_is_not_surely_there() -> None:
    one = Day(plan(), [punch("in", "07:25"), offline("out", "12:00", "13:00"), punch("in", "13:30")])
    two = Day(plan(who=UUID(int=2)), [offline("in", "07:40", "09:00"), punch("out", "16:00")])
    got = coverage(POINT, [one, two], [], on=DATE, holiday=False, as_of=at("14:00"))
    assert (got["unknown_seconds"], got["short_seconds"], got["met_seconds"]) == (4.5 * 3600, 1.5 * 3600, 0)
    assert (got["status"], got["present_low"], got["present_high"]) == ("unknown", 1, 2)
    assert coverage(POINT, [one, two], [], on=DATE, holiday=False, as_of=at("11:00"))["present_low"] == 1


def test_a_counter_without_hours_on_a_holiday_was_never_open() -> None:
    got = coverage(POINT, [], [], on=DATE, holiday=True, as_of=MIDNIGHT)
    assert (got["open_seconds"], got["attainment"], got["fill"]) == (0, None, None)


def test_rates_leave_out_what_is_pending_and_carry_their_bounds() -> None:
    states = [{"on_time": s} for s in ("met", "met", "met", "not_met", "unknown", "pending", "not_due")]
    got = figures(states)["on_time"]
    assert (got["rate"], got["low"], got["high"], got["n"]) == (0.75, 0.6, 0.8, 4)


def test_the_interval_of_wilson_is_the_published_one() -> None:
    low, high = wilson(81, 263)  # Newcombe 1998, table I: 0.2553 to 0.3662
    assert low == pytest.approx(0.2553, abs=5e-5)
    assert high == pytest.approx(0.3662, abs=5e-5)
