from collections import Counter
from datetime import date, datetime, time, timedelta

import pytest

from demo.city import City, build
from demo.expect import WIB, Plan
from demo.script import (
    LATE_CHANGE_AGREED_AT,
    OUTAGE_OPDS,
    SHORT_COUNTER,
    HoursStep,
    OfflineStep,
    OutageStep,
    PunchStep,
    ReportStep,
    ReviewStep,
    Step,
    decision,
    lent,
    makes_up,
    review_after,
    revise_after,
    script,
)

DAY = date(2025, 11, 6)
SEED = 7


def at(text: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(text), WIB)


@pytest.fixture(scope="module")
def city() -> City:
    return build(3000)


@pytest.fixture(scope="module")
def steps(city: City) -> list[Step]:
    away = {a.employee_id for a in (*city.leave, *city.duty_travel)}
    plans: list[Plan] = []
    for e in city.employees.values():
        if e.employee_id in away:
            plans.append(Plan(e.employee_id, e.opd_code, e.unit_id, DAY, "LEAVE", None, None))
        elif e.shift_group == 3:
            plans.append(
                Plan(
                    e.employee_id,
                    e.opd_code,
                    e.unit_id,
                    DAY - timedelta(days=1),
                    "WFO",
                    at("23:00") - timedelta(days=1),
                    at("07:00"),
                )
            )
        else:
            mode = "WFO" if city.units[e.unit_id].direct_service else "WFH"
            plans.append(Plan(e.employee_id, e.opd_code, e.unit_id, DAY, mode, at("07:30"), at("16:00")))
    return script(city, plans, DAY, SEED)


def first_ins(steps: list[Step]) -> dict[object, Step]:
    found: dict[object, Step] = {}
    for step in steps:
        if isinstance(step, PunchStep | OfflineStep) and step.tap.kind == "in":
            found.setdefault(step.employee_id, step)
    return found


def test_the_same_seed_plays_the_same_day(city: City, steps: list[Step]) -> None:
    plans = [
        Plan(e.employee_id, e.opd_code, e.unit_id, DAY, "WFO", at("07:30"), at("16:00"))
        for e in list(city.employees.values())[:300]
    ]
    assert script(city, plans, DAY, 1) == script(city, plans, DAY, 1)
    assert script(city, plans, DAY, 1) != script(city, plans, DAY, 2)


def test_six_in_ten_check_in_within_a_quarter_of_an_hour_around_the_start(steps: list[Step]) -> None:
    came = [s.at for s in first_ins(steps).values() if s.at > at("06:00")]
    around = [t for t in came if at("07:20") <= t < at("07:35")]
    assert 0.5 < len(around) / len(came) < 0.75


def test_some_are_late_some_do_not_come_and_some_forget_to_leave(city: City, steps: list[Step]) -> None:
    ins = first_ins(steps)
    outs = {s.employee_id for s in steps if isinstance(s, PunchStep) and s.tap.kind == "out"}
    late = [s for s in ins.values() if s.at > at("07:30")]
    working = len(city.employees) - len(city.leave) - len(city.duty_travel)
    assert 0.02 < len(late) / working < 0.12
    assert 0.005 < (working - len(ins)) / working < 0.05
    assert 0.01 < len(set(ins) - outs) / working < 0.06


def test_who_is_on_leave_does_nothing(city: City, steps: list[Step]) -> None:
    assert not {s.employee_id for s in steps if not isinstance(s, OutageStep | HoursStep)} & {
        a.employee_id for a in city.leave
    }


def test_one_counter_has_but_one_person_until_two_hours_after_the_start(city: City, steps: list[Step]) -> None:
    early = [
        s
        for s in first_ins(steps).values()
        if city.employees[s.employee_id].unit_id == SHORT_COUNTER and s.at < at("09:20")
    ]
    assert len(early) <= 1


def test_nobody_of_the_agencies_without_a_network_gets_a_punch_through_the_outage(
    city: City, steps: list[Step]
) -> None:
    (outage,) = (s for s in steps if isinstance(s, OutageStep))
    assert (outage.starts_at, outage.ends_at) == (at("07:20"), at("07:30"))
    inside = [s for s in steps if outage.starts_at <= s.at < outage.ends_at]
    assert inside
    assert not [s for s in inside if city.employees[s.employee_id].opd_code in OUTAGE_OPDS]
    kept = [s for s in steps if isinstance(s, OfflineStep)]
    assert kept
    assert all(outage.starts_at <= s.tapped < outage.ends_at <= s.at for s in kept)


def test_the_hours_of_one_office_outside_the_outage_are_corrected_after_the_start_by_two_officers(
    city: City, steps: list[Step]
) -> None:
    (change,) = (s for s in steps if isinstance(s, HoursStep))
    assert at("07:30") < change.at < datetime.combine(DAY, LATE_CHANGE_AGREED_AT, WIB)
    assert change.second != change.employee_id
    assert "BKPSDM" in city.employees[change.employee_id].heads
    unit = city.units[change.unit_id]
    assert unit.opd_code not in OUTAGE_OPDS
    assert not unit.is_service_point


def test_reports_are_mostly_measured_and_a_few_are_empty_or_too_late(steps: list[Step]) -> None:
    reports = [s for s in steps if isinstance(s, ReportStep)]
    empty = [r for r in reports if not r.items]
    late = [r for r in reports if r.at > at("23:30")]
    assert 0.003 < len(empty) / len(reports) < 0.04
    assert 0.003 < len(late) / len(reports) < 0.03
    assert all(i["quantity"] > 0 and i["unit"] for r in reports for i in r.items)


def test_superiors_accept_most_return_some_and_some_stay_silent(city: City, steps: list[Step]) -> None:
    counts: Counter[str] = Counter()
    for report in (s for s in steps if isinstance(s, ReportStep)):
        review = review_after(city, report, report_id="r", revision=1, submitted_at=report.at, seed=SEED)
        if review is None:
            counts["silent"] += 1
            continue
        assert review.employee_id == city.employees[report.employee_id].supervisor
        assert review.at > report.at
        counts[decision(review, SEED)[0]] += 1
    assert counts["accepted"] > 4 * counts["returned"] > 0
    assert counts["silent"] > 0


def test_a_returned_report_is_revised_before_the_day_ends() -> None:
    review = ReviewStep(
        at("16:30"), build(600).employees.popitem()[0], build(600).employees.popitem()[0], DAY, "r", 1, ()
    )
    revised = [revise_after(review, at("16:30"), seed) for seed in range(40)]
    again = [r for r in revised if r is not None]
    assert 20 <= len(again) < 40
    assert all(at("16:30") < r.at < at("23:50") and r.items for r in again)


def test_a_few_share_a_phone_and_the_phones_of_a_few_make_positions_up(city: City, steps: list[Step]) -> None:
    assert 5 <= len(lent(city)) <= 20
    assert all(city.employees[a].unit_id == city.employees[b].unit_id for a, b in lent(city).items())
    liars = {who for who in city.employees if makes_up(who, SEED)}
    assert 3 <= len(liars) <= 30
    made_up = [step.tap.position for step in steps if isinstance(step, PunchStep) and step.employee_id in liars]
    assert made_up
    assert {where and where.accuracy_m for where in made_up} == {3.0}
