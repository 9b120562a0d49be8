"""The pilot of the demonstration: its truth is what was asked for, what it writes is what the contract takes."""

import copy
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import records
from demo.board import service_points
from demo.city import City, build
from demo.expect import Day, Plan, Punch, coverage, figures, presence, verdicts
from demo.tally import Tally, covered
from demo.trial import ACCEPTED, AVAILABLE_MINUTES, MOST_EFFECT, WIB, Design, PersonDay, World
from shared.events import TOPICS, decode
from shared.events.lean import Lean

DESIGN = Design(
    effect=-0.05,
    metric="on_time_rate",
    margin=0.02,
    count_by="opd",
    weeks=2,
    first=date(2025, 10, 7),
    staff=600,
    seed=7,
)
AFTER = datetime(2026, 1, 1, tzinfo=WIB)


@pytest.fixture(scope="module")
def city() -> City:
    return build(DESIGN.staff, DESIGN.seed)


@pytest.fixture(scope="module")
def world(city: City) -> World:
    return World(city, DESIGN)


@pytest.fixture(scope="module")
def days(world: World) -> list[PersonDay]:
    return list(everything(world))


def everything(world: World) -> Iterator[PersonDay]:
    return chain.from_iterable(world.person_days(on) for on in world.design.dates())


def untouched(world: World) -> World:
    """The same world with nobody treated."""
    other = copy.copy(world)
    other.treated = ()
    return other


@pytest.mark.parametrize("effect", [-MOST_EFFECT, -0.05, 0.0, 0.02, MOST_EFFECT])
def test_every_chance_to_be_on_time_moves_by_the_effect_and_is_never_cut_off(city: City, effect: float) -> None:
    world = World(city, replace(DESIGN, effect=effect))
    plain, trial = untouched(world), world.design.trial
    for on in (world.design.baseline.first, trial.first, trial.last):
        for person in world.people:
            chance = world.on_time_chance(person, on)
            treated = person.employee.opd_code in world.treated and on >= trial.first
            assert math.isclose(chance - plain.on_time_chance(person, on), effect if treated else 0, abs_tol=1e-12)
            assert 0 <= chance <= 1


@pytest.mark.parametrize("effect", [-MOST_EFFECT, 0.05, MOST_EFFECT])
def test_the_expected_minutes_of_every_person_day_move_by_the_effect(city: City, effect: float) -> None:
    world = World(city, replace(DESIGN, metric="output_rate", effect=effect))
    plain = untouched(world)
    for person in world.people:
        treated = person.employee.opd_code in world.treated
        for chance in (0.9 * ACCEPTED, ACCEPTED):
            minutes = world.accepted_minutes(person, world.design.trial.last, chance)
            moved = chance * (minutes - plain.accepted_minutes(person, world.design.trial.last, chance))
            assert math.isclose(moved, effect * AVAILABLE_MINUTES if treated else 0, abs_tol=1e-9)
            assert minutes > 50, "so that no day's dice bring it below nothing"
            assert plain.on_time_chance(person, world.design.trial.last) == world.on_time_chance(
                person, world.design.trial.last
            ), "an effect on output is none on time"


def test_as_many_are_on_time_as_the_chances_say(world: World, days: list[PersonDay]) -> None:
    """Over the 8,000 person-days whose time can be told: within four standard errors, for this seed for ever."""
    people = {person.employee.employee_id: person for person in world.people}
    expected = variance = met = 0.0
    for one in days:
        state = verdicts(one.day, list(world.outages.values()), world.rules, AFTER)["on_time"]
        if state in ("met", "not_met"):
            chance = world.on_time_chance(people[one.employee.employee_id], one.day.plan.work_date)
            expected, variance, met = expected + chance, variance + chance * (1 - chance), met + (state == "met")
    assert variance > 500
    assert abs(met - expected) < 4 * math.sqrt(variance)


def test_as_many_minutes_are_accepted_as_are_expected(world: World, days: list[PersonDay]) -> None:
    people = {person.employee.employee_id: person for person in world.people}
    errors: list[float] = []
    for one in days:
        if one.counted:
            person, on = people[one.employee.employee_id], one.day.plan.work_date
            accepted = one.day.reviews and one.day.reviews[-1].decision == "accepted"
            minutes = sum(item.accepted * item.norm for item in one.items) if accepted else 0.0
            errors.append(minutes - one.counted * world.accepted_minutes(person, on, one.counted))
    spread = math.sqrt(sum(error * error for error in errors))
    assert abs(sum(errors)) < 4 * spread


def test_the_same_design_is_the_same_records_in_whatever_order_its_dates_are_drawn(city: City) -> None:
    dates = list(DESIGN.dates())

    def written(order: list[date]) -> dict[date, list[records.Record]]:
        world = World(city, DESIGN)
        return {on: [*chain.from_iterable(map(records.facts, world.person_days(on)))] for on in order}

    forward = written(dates[:9])
    assert written(dates[8::-1]) == forward
    other = World(city, replace(DESIGN, effect=0.0))
    ids = {dict(record.headers)["ce_id"] for on in forward for record in forward[on]}
    assert not ids & {dict(r.headers)["ce_id"] for r in chain.from_iterable(map(records.facts, everything(other)))}


def test_every_record_is_an_event_of_its_owner_under_its_key_and_most_are_read_the_fast_way(
    world: World, days: list[PersonDay]
) -> None:
    seen: Counter[str] = Counter()
    ids: set[str] = set()
    written = [
        *(records.outage(outage) for outage in world.outages.values()),
        *chain.from_iterable((*records.facts(one), records.plan(one, AFTER)) for one in days),
    ]
    for record in written:
        received = decode(record.topic, record.key, record.value, record.headers)  # raises for what is none
        assert received.source == f"/hadir/{TOPICS[record.topic].owner}"
        assert received.event is not None
        seen[record.topic] += 1
        ids.add(str(received.id))
    for record in written[-20:]:
        received = decode(record.topic, record.key, record.value, record.headers)
        fast = record.topic in ("attendance.recorded.v1", "schedule.changed.v1")
        assert isinstance(received.given, Lean) is fast
    assert len(ids) == len(written)
    assert seen["outage.declared.v1"] == 2
    assert seen["schedule.changed.v1"] == len(days)
    assert (
        min(seen[topic] for topic in ("attendance.recorded.v1", "report.submitted.v1", "report.reviewed.v1")) > 0
    )


def test_half_of_the_opds_are_treated_and_only_they_take_turns_at_home(
    world: World, days: list[PersonDay]
) -> None:
    assert not set(world.treated) & set(world.control)
    assert sorted((*world.treated, *world.control)) == sorted(world.city.opds)
    assert abs(len(world.treated) - len(world.control)) <= 1
    at_home: dict[tuple[bool, bool, bool], Counter[str]] = {}
    for one in days:
        unit, on = world.city.units[one.employee.unit_id], one.day.plan.work_date
        if unit.is_service_point or unit.direct_service:
            assert one.day.plan.mode != "WFH", "who serves the public stays at the counter"
        elif one.day.plan.starts_at is not None:
            rotates = one.employee.opd_code in world.treated and on >= DESIGN.trial.first
            key = rotates, on.weekday() == 3, one.policy == "stage-2"
            at_home.setdefault(key, Counter())[one.day.plan.mode] += 1
    for (rotates, thursday, second), modes in at_home.items():
        assert rotates == second
        if not rotates:
            assert set(modes) == ({"WFH"} if thursday else {"WFO"})
        else:
            assert 0.4 < modes["WFH"] / modes.total() < 0.6


def test_what_an_outage_hides_is_unknown_and_nobody_is_late_for_it(world: World, days: list[PersonDay]) -> None:
    hidden: Counter[str] = Counter()
    for one in days:
        outage = world.outages.get(one.day.plan.work_date)
        starts = one.day.plan.starts_at
        if outage is None or starts is None or not outage.concerns(one.employee.opd_code, "-"):
            continue
        if outage.overlaps(starts - timedelta(hours=1), starts):
            hidden[verdicts(one.day, [outage], world.rules, AFTER)["on_time"]] += 1
    assert set(hidden) == {"unknown"}
    assert hidden["unknown"] > 20


def test_the_own_count_of_a_date_is_what_the_states_of_its_people_come_to(world: World) -> None:
    tally, on = Tally(world, AFTER), DESIGN.trial.first
    people = list(world.person_days(on))
    tally.add(on, people)
    for code, cell in tally.cells[on].items():
        some = [one.day for one in people if one.employee.opd_code == code]
        shown = cell.shown()
        assert shown["employees"] == len(some)
        assert shown["duties"] == figures(verdicts(d, [*world.outages.values()], world.rules, AFTER) for d in some)


def test_the_estimate_is_the_mean_change_of_the_treated_less_that_of_the_others(city: City) -> None:
    world = World(city, replace(DESIGN, metric="output_rate", count_by="people"))
    tally = Tally(world, AFTER)
    for on in DESIGN.dates():
        tally.add(on, world.person_days(on))

    def change(codes: tuple[str, ...]) -> float:
        gained = weights = 0.0
        for code in codes:
            weight = tally.weight(code)
            before, after = (tally.metric(code, span).value or 0 for span in (DESIGN.baseline, DESIGN.trial))
            gained, weights = gained + weight * (after - before), weights + weight
        return gained / weights

    estimate = tally.estimate()
    assert estimate is not None
    assert math.isclose(estimate, change(world.treated) - change(world.control), abs_tol=1e-12)
    # By hand, for one OPD: mean plans with hours on a date of the trial; accepted minutes by minutes available.
    code = world.treated[0]
    cells = [tally.cells[on][code] for on in DESIGN.trial.dates() if code in tally.cells[on]]
    assert math.isclose(tally.weight(code), sum(c.modes["WFO"] + c.modes["WFH"] for c in cells) / 14)
    value = tally.metric(code, DESIGN.trial)
    worked = sum(c.modes.total() - c.modes["LEAVE"] for c in cells)
    assert value.value == value.low == sum(c.earned for c in cells) / (300 * worked)
    assert value.high == sum(c.earned + c.waiting for c in cells) / (300 * worked)


clock = st.integers(-6 * 60, 30 * 60)


@given(st.lists(st.tuples(clock, st.integers(0, 900), st.sampled_from(["office", "uncertain"])), max_size=6))
def test_a_counter_is_covered_as_long_as_the_slow_count_says(
    stays: list[tuple[int, int, str]],
) -> None:
    city, on = build(60), date(2025, 11, 6)
    midnight = datetime.combine(on, time.min, WIB)
    for point in service_points(city, on):
        days = [
            Day(
                Plan(e, point.opd_code, point.unit_id, on, "WFO", midnight, midnight + timedelta(hours=40)),
                [
                    Punch(f"{e}-in", on, "in", midnight + timedelta(minutes=begin), zone),
                    Punch(f"{e}-out", on, "out", midnight + timedelta(minutes=begin + length), zone),
                ],
            )
            for e, (begin, length, zone) in zip(city.employees, stays, strict=False)
        ]
        slow = coverage(point, days, [], on=on, holiday=False, as_of=AFTER)
        met, opened = covered(point, chain.from_iterable(presence(d, AFTER) for d in days), on, holiday=False)
        assert (met / 1e6, opened / 1e6) == (slow["met_seconds"], slow["open_seconds"])
