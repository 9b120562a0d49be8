"""Working the queue off, over a queue in memory: whose turn it is, what one go takes, and who is to blame."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.commands import steps
from services.reporting.commands.steps import (
    COUNTERS,
    IN_A_ROW,
    PEOPLE,
    PEOPLE_OF_A_DATE,
    Drain,
    NotComputed,
    Unfinished,
    drain,
    everything,
)
from services.reporting.store.steps import Counter
from services.reporting.tasks import steps as keeping
from services.reporting.tasks.steps import FAR_BEHIND, Patience
from shared.clock import FixedClock
from shared.tasks import Health
from shared.telemetry import Metrics
from tests.kit.kafka import eventually
from tests.kit.steps import TODAY, YESTERDAY, Day, Queue, Rows, someone, standing_in

NOW = dt.datetime(2025, 11, 6, 5, 0, tzinfo=dt.UTC)


@pytest.fixture
def queue() -> Iterator[Any]:
    with standing_in(Queue()) as queue:
        yield queue


def touched(queue: Queue, count: int, date: dt.date = TODAY) -> list[Day]:
    days = [(date, someone(n)) for n in range(1, count + 1)]
    queue.rows.days |= set(days)
    return days


async def test_single_person_days_come_first_but_a_whole_date_has_its_turn_while_they_come_without_end(
    queue: Any,
) -> None:
    queue.planned = {YESTERDAY: [someone(n) for n in range(1, 11)]}
    queue.rows.dates = {YESTERDAY: None}
    worker, rounds = Drain(queue), 0
    while queue.rows.dates and rounds < 100:
        touched(queue, 3)  # somebody checks in before each transaction
        await worker.once(NOW)
        rounds += 1
    assert [what for what, _ in queue.rows.log] == [*["people"] * IN_A_ROW, "date", *["people"] * IN_A_ROW]


@pytest.mark.parametrize(
    ("kind", "most"), [("people", PEOPLE), ("date", PEOPLE_OF_A_DATE), ("counters", COUNTERS)]
)
async def test_no_transaction_takes_more_than_its_bound_and_all_is_worked_off(
    queue: Any, kind: str, most: int
) -> None:
    count = 2 * most + 1
    if kind == "people":
        touched(queue, count)
    elif kind == "date":
        queue.planned = {TODAY: [someone(n) for n in range(count)]}
        queue.rows.dates = {TODAY: None}
    else:
        queue.rows.counters = {Counter(TODAY, f"U{n}") for n in range(count)}
    assert await drain(queue, NOW) == count
    assert queue.rows.log == [(kind, most), (kind, most), (kind, 1)]
    assert queue.rows.budgets == {counter.unit_id for counter in queue.rows.counted}


async def test_while_people_come_in_a_whole_date_is_taken_in_smaller_chunks(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "EXPECTED_S", 86_400.0)
    queue.planned = {YESTERDAY: [someone(n) for n in range(PEOPLE + 1)]}
    queue.rows.dates = {YESTERDAY: None}
    touched(queue, 1)
    await drain(queue, NOW)
    assert queue.rows.log == [("people", 1), ("date", PEOPLE), ("date", 1)]


async def test_a_touch_of_every_date_becomes_its_dates_and_the_nearest_comes_first(queue: Any) -> None:
    dates = [TODAY - dt.timedelta(days=n) for n in (40, 3, 400)]
    queue.planned = {date: [someone(1)] for date in dates}
    queue.rows.every_date = True
    await drain(queue, NOW)
    assert [date for date, _ in queue.rows.computed] == sorted(dates, reverse=True)


async def test_nothing_is_computed_while_the_facts_are_rebuilt(queue: Any) -> None:
    days = touched(queue, 3)
    queue.planned, queue.rows.dates = {YESTERDAY: [someone(9)]}, {YESTERDAY: None}
    queue.rows.counters, queue.rows.every_date = {Counter(TODAY, "U")}, True
    queue.rebuilding = True
    assert await drain(queue, NOW) == 0
    assert queue.rows == Rows(set(days), {YESTERDAY: None}, True, {Counter(TODAY, "U")})
    queue.rebuilding = False
    assert await drain(queue, NOW) == 5


async def test_whoever_cannot_be_computed_is_found_and_named_and_tried_again_only_when_told(queue: Any) -> None:
    days = touched(queue, 30)
    queue.cannot = {someone(7): ValueError("a plan that ends before it begins"), someone(20): OverflowError()}
    worker = Drain(queue)
    with pytest.raises(ExceptionGroup) as raised:
        await worker.all(NOW)
    assert {note for error in raised.value.exceptions for note in error.__notes__} == {
        f"person-day {someone(n)} {TODAY}" for n in (7, 20)
    }
    assert set(queue.rows.computed) == set(days) - {(TODAY, someone(7)), (TODAY, someone(20))}
    assert queue.rows.days == {(TODAY, someone(7)), (TODAY, someone(20))}, "they wait for better facts"
    assert not await worker.once(NOW)
    queue.cannot.clear()
    worker.forget()
    assert await worker.all(NOW) == 2
    assert queue.rows.days == set()


async def test_a_unit_that_cannot_be_counted_keeps_neither_people_nor_other_units(queue: Any) -> None:
    days = touched(queue, 5)
    counters = {Counter(TODAY, unit) for unit in ("A", "B", "C", "D")}
    queue.rows.counters, queue.cannot = set(counters), {"C": ValueError("its requirements overlap")}
    with pytest.raises(ExceptionGroup) as raised:
        await drain(queue, NOW)
    assert [error.__notes__ for error in raised.value.exceptions] == [[f"unit C {TODAY}"]]
    assert set(queue.rows.computed) == set(days)
    assert set(queue.rows.counted) == counters - {Counter(TODAY, "C")}
    assert queue.rows.counters == {Counter(TODAY, "C")}


async def test_a_whole_date_goes_on_without_whoever_cannot_be_computed(queue: Any) -> None:
    queue.planned = {YESTERDAY: [someone(n) for n in range(1, 21)]}
    queue.rows.dates = {YESTERDAY: None}
    queue.cannot = {someone(20): ValueError("as above")}
    with pytest.raises(ExceptionGroup):
        await drain(queue, NOW)
    assert queue.rows.dates == {}, "the date is done"
    assert queue.rows.days == {(YESTERDAY, someone(20))}, "and they have a touch of their own"
    assert {person for _, person in queue.rows.computed} == {someone(n) for n in range(1, 20)}


@pytest.mark.parametrize("error", [ConnectionError("the database is away"), AttributeError("a bug")], ids=repr)
@pytest.mark.parametrize("what", ["people", "date", "counters"])
async def test_what_does_not_lie_in_the_facts_is_raised_and_takes_nothing_from_the_queue(
    queue: Any, what: str, error: Exception
) -> None:
    if what == "people":
        touched(queue, 5)
    elif what == "date":
        queue.planned, queue.rows.dates = {TODAY: [someone(1), someone(2)]}, {TODAY: None}
    else:
        queue.rows.counters = {Counter(TODAY, "U")}
    queue.cannot = {someone(2): error, "U": error}
    before, worker = queue.rows.copy(), Drain(queue)
    with pytest.raises(type(error)):
        await worker.once(NOW)
    assert queue.rows == before
    assert (worker.days, worker.units, worker.errors) == (set(), set(), [])


@given(st.data())
def test_whatever_is_touched_and_whoever_is_to_blame_everyone_else_is_computed(data: st.DataObject) -> None:
    people, units = range(1, 13), "ABCDE"
    dates = [TODAY + dt.timedelta(days=n) for n in (-2, -1, 0, 1)]
    some = st.sets(st.sampled_from(people))
    with standing_in(Queue()) as queue:
        queue.planned = {date: [someone(n) for n in data.draw(some)] for date in dates}
        whole = data.draw(st.sets(st.sampled_from(dates)))
        queue.rows.dates = dict.fromkeys(whole)
        alone = {(date, someone(n)) for date in dates for n in data.draw(some)}
        queue.rows.days = set(alone)
        counters = {Counter(TODAY, unit) for unit in data.draw(st.sets(st.sampled_from(units)))}
        queue.rows.counters = set(counters)
        bad: set[UUID | str] = {someone(n) for n in data.draw(some)} | set(
            data.draw(st.sets(st.sampled_from(units)))
        )
        queue.cannot = {one: ValueError("cannot") for one in bad}
        named: list[str] = []
        try:
            asyncio.run(drain(queue, NOW))
        except NotComputed as cannot:
            named = cannot.told()
        assert len(named) == len(set(named)), "nobody is blamed twice"
        wanted = alone | {(date, person) for date in whole for person in queue.planned[date]}
        assert set(queue.rows.computed) == {day for day in wanted if day[1] not in bad}
        assert queue.rows.days == {day for day in wanted if day[1] in bad}
        assert set(queue.rows.counted) == {counter for counter in counters if counter.unit_id not in bad}
        assert queue.rows.counters == {counter for counter in counters if counter.unit_id in bad}
        assert queue.rows.dates == {}


@pytest.mark.parametrize("bad", [set[int](), {5}], ids=["together", "one by one"])
async def test_whoever_is_computed_is_told_of_in_the_same_transaction(queue: Any, bad: set[int]) -> None:
    days = touched(queue, 12)
    queue.cannot = {someone(n): ValueError("cannot") for n in bad}
    queue.rows.counters = {Counter(TODAY, "A")}
    with suppress(NotComputed):
        await drain(queue, NOW)
    told = {(changed.work_date, person) for changed in queue.rows.told for person in changed.people or ()}
    assert told == set(days) - {(TODAY, someone(n)) for n in bad}
    assert [counter for changed in queue.rows.told for counter in changed.counters or ()] == [Counter(TODAY, "A")]


# Everything at one go


def _unsaid(_done: int, _of: int) -> None:
    pass


async def test_everything_is_computed_date_by_date_and_says_how_far_it_is(queue: Any) -> None:
    dates = [TODAY - dt.timedelta(days=n) for n in range(4)]
    queue.planned = {date: [someone(n) for n in range(5)] for date in dates}
    queue.rows.every_date = True
    said: list[tuple[int, int]] = []
    assert await everything(queue, NOW, lambda done, of: said.append((done, of))) == 20
    assert said[0] == (0, 4)
    assert said[-1] == (4, 4)
    assert sorted(said) == said


async def test_everything_names_each_who_cannot_be_computed_once_whoever_met_them(queue: Any) -> None:
    queue.planned = {date: [someone(n) for n in range(9)] for date in (TODAY, YESTERDAY)}
    queue.rows.every_date = True
    queue.cannot = {someone(3): ValueError("cannot")}
    with pytest.raises(NotComputed) as raised:
        await everything(queue, NOW, _unsaid)
    assert sorted(raised.value.told()) == [
        f"person-day {someone(3)} {date}: ValueError: cannot" for date in (YESTERDAY, TODAY)
    ]
    assert len(queue.rows.computed) == 16


async def test_everything_is_not_begun_while_the_facts_are_incomplete(queue: Any) -> None:
    queue.rows.every_date, queue.rebuilding = True, True
    with pytest.raises(Unfinished, match="hadir rebuild"):
        await everything(queue, NOW, _unsaid)
    assert queue.rows.every_date


async def test_what_the_world_does_ends_it_by_its_own_name(queue: Any) -> None:
    touched(queue, 5)
    queue.cannot = {someone(2): ConnectionError("the database is away")}
    with pytest.raises(ConnectionError):
        await everything(queue, NOW, _unsaid)
    assert len(queue.rows.days) == 5


# The background task


class Bus:
    def __init__(self) -> None:
        self.said: list[str] = []

    def stopped(self) -> list[str]:
        return self.said


@asynccontextmanager
async def keeping_up(queue: Any, *, lag: int = 0, stopped: bool = False) -> AsyncGenerator[Any]:
    metrics, bus = Metrics("reporting"), Bus()
    if stopped:
        bus.said.append("a partition is at its dead letter limit")
    metrics.consumer_lag.labels("reporting.facts", "t.v1", "0").set(lag)
    health = {"steps": Health("steps", metrics)}
    service: Any = SimpleNamespace(
        db=queue, metrics=metrics, bus=bus, health=health, clock=SimpleNamespace(now=lambda: NOW)
    )
    task = asyncio.create_task(keeping.keep_up(service))
    try:
        yield service
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def turns() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def test_a_notice_wakes_the_work(queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "IDLE_S", 86_400.0)
    async with keeping_up(queue):
        await eventually(lambda: queue.heard is not None)
        await turns()
        days = touched(queue, 3)
        await turns()
        assert queue.rows.computed == []
        queue.heard("")
        await eventually(lambda: queue.rows.computed == days)


async def test_while_the_consumer_is_far_behind_nothing_is_computed_over_and_over(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "IDLE_S", 0.001)
    monkeypatch.setattr(keeping, "PATIENCE_S", 10**6)
    days = touched(queue, 3)
    async with keeping_up(queue, lag=FAR_BEHIND + 1) as service:
        await turns()
        assert queue.rows.computed == []
        service.metrics.consumer_lag.labels("reporting.facts", "t.v1", "0").set(FAR_BEHIND)
        await eventually(lambda: queue.rows.computed == days)


async def test_a_consumer_that_stays_far_behind_is_waited_for_only_so_long(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "IDLE_S", 0.001)
    monkeypatch.setattr(keeping, "PATIENCE_S", 0.01)
    days = touched(queue, 3)
    async with keeping_up(queue, lag=FAR_BEHIND + 1):
        await eventually(lambda: queue.rows.computed == days)


async def test_a_consumer_that_has_stopped_at_its_dead_letters_is_not_waited_for(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "IDLE_S", 86_400.0)
    days = touched(queue, 3)
    async with keeping_up(queue, lag=FAR_BEHIND + 1, stopped=True):
        await eventually(lambda: queue.rows.computed == days)


async def test_what_cannot_be_computed_is_complained_of_and_tried_again(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "IDLE_S", 0.001)
    monkeypatch.setattr(keeping, "TRY_AGAIN_S", 0.05)
    touched(queue, 3)
    queue.cannot = {someone(2): ValueError("a plan that ends before it begins")}
    async with keeping_up(queue) as service:
        failures = service.metrics.registry.get_sample_value
        await eventually(lambda: (failures("hadir_task_failures_total", {"task": "steps"}) or 0) > 2)
        assert queue.rows.days == {(TODAY, someone(2))}
        queue.cannot.clear()
        await eventually(lambda: not queue.rows.days)
        await eventually(lambda: service.health["steps"].failing_s() == 0)


async def test_what_waits_is_told_and_for_how_long_at_most(queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "SAMPLE_S", 0.001)
    touched(queue, 3)
    queue.rows.counters = {Counter(TODAY, "U")}
    queue.rebuilding = True
    async with keeping_up(queue) as service:

        def told(name: str, **labels: str) -> float:
            return service.metrics.registry.get_sample_value(name, labels) or 0.0

        await eventually(lambda: told("hadir_steps_waiting_rows", table="person_day") == 3)
        assert told("hadir_steps_waiting_rows", table="counter_day") == 1
        await eventually(lambda: told("hadir_steps_age_seconds") == 1.5)
        queue.rebuilding = False
        queue.heard("")
        await eventually(lambda: told("hadir_steps_waiting_rows", table="person_day") == 0)
        await eventually(lambda: told("hadir_steps_age_seconds") == 0)


async def test_what_check_ins_took_to_be_on_the_board_is_measured_but_not_of_a_log_that_is_read_again(
    queue: Any,
) -> None:
    metrics, clock = Metrics("reporting"), FixedClock(NOW)
    touched(queue, 3)
    queue.rows.checked_in = [NOW - dt.timedelta(seconds=4), NOW - dt.timedelta(days=3)]
    assert await Drain(queue, metrics, clock).all(NOW) == 3
    told = metrics.registry.get_sample_value
    assert told("hadir_board_seconds_count") == 1
    assert told("hadir_board_seconds_sum") == 4


def test_a_wait_that_brought_the_consumer_no_nearer_is_not_repeated_until_it_is_nearer() -> None:
    patience, far = Patience(), 10 * FAR_BEHIND
    assert patience.pays(far)
    patience.waited(far, far - FAR_BEHIND + 1)
    assert not patience.pays(far)
    assert not patience.pays(far - FAR_BEHIND + 1)
    assert patience.pays(far - FAR_BEHIND), "it reads again"


def test_nearer_is_counted_from_the_most_that_was_ever_left_since_a_wait_was_in_vain() -> None:
    patience, far = Patience(), 10 * FAR_BEHIND
    patience.waited(far, far)
    assert not patience.pays(2 * far)
    assert not patience.pays(2 * far - FAR_BEHIND + 1)
    assert patience.pays(2 * far - FAR_BEHIND)


def test_a_consumer_that_comes_nearer_is_waited_for_again_and_again() -> None:
    patience = Patience()
    for lag in range(10 * FAR_BEHIND, FAR_BEHIND, -FAR_BEHIND):
        assert patience.pays(lag)
        patience.waited(lag, lag - FAR_BEHIND)
    assert not patience.pays(FAR_BEHIND), "it is near"


def test_once_it_was_near_a_consumer_is_waited_for_as_at_first() -> None:
    patience = Patience()
    patience.waited(10 * FAR_BEHIND, 10 * FAR_BEHIND)
    assert not patience.pays(FAR_BEHIND)
    assert patience.pays(9 * FAR_BEHIND + 1)
