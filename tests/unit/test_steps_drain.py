"""Working the queue off, over a queue in memory: whose turn it is, what one go takes, and who is to blame."""

import asyncio
import copy
import datetime as dt
from collections.abc import AsyncGenerator, Collection, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, fields
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.commands import steps
from services.reporting.commands.steps import COUNTERS, IN_A_ROW, PEOPLE, PEOPLE_OF_A_DATE, Drain, drain
from services.reporting.store.steps import Changed, Counter, Date, Waiting
from services.reporting.tasks import steps as keeping
from shared.tasks import Health
from shared.telemetry import Metrics
from tests.kit.kafka import eventually

NOW = dt.datetime(2025, 11, 6, 5, 0, tzinfo=dt.UTC)
TODAY, YESTERDAY = dt.date(2025, 11, 6), dt.date(2025, 11, 5)
Day = tuple[dt.date, UUID]


def someone(n: int) -> UUID:
    return UUID(int=n)


@dataclass
class Rows:
    """What a transaction may change."""

    days: set[Day] = field(default_factory=set[Day])
    dates: dict[dt.date, UUID | None] = field(default_factory=dict[dt.date, UUID | None])
    every_date: bool = False
    counters: set[Counter] = field(default_factory=set[Counter])
    computed: list[Day] = field(default_factory=list[Day])
    counted: list[Counter] = field(default_factory=list[Counter])
    told: list[Changed] = field(default_factory=list[Changed])
    log: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """What each transaction did, and to how many."""

    def copy(self) -> "Rows":
        return Rows(**{one.name: copy.copy(getattr(self, one.name)) for one in fields(self)})


class Queue:
    """The queue and the facts beneath it. It stands for the database, a transaction, and the statements."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.planned: dict[dt.date, list[UUID]] = {}
        self.cannot: dict[UUID | str, Exception] = {}
        """People who cannot be computed and units that cannot be counted, and what that raises."""
        self.rebuilding = False
        self.heard: Any = None

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Queue"]:
        before = self.rows.copy()
        try:
            yield self
        except BaseException:
            self.rows = before
            raise

    @asynccontextmanager
    async def read(self) -> AsyncGenerator["Queue"]:
        yield self

    async def listen(self, channel: str, heard: Any, began: Any) -> None:
        self.heard = heard
        began()
        await asyncio.Event().wait()

    async def may_compute(self, _: object) -> bool:
        return not self.rebuilding

    async def take_people(
        self, _: object, today: dt.date, limit: int, but: Collection[Day]
    ) -> tuple[dt.date, list[UUID]] | None:
        free = sorted(self.rows.days - set(but), key=lambda day: (abs(day[0] - today), day))
        if not free:
            return None
        date = free[0][0]
        return date, await self.take_these(_, date, [person for day, person in free if day == date][:limit])

    async def take_these(self, _: object, date: dt.date, people: Sequence[UUID]) -> list[UUID]:
        taken = [person for person in people if (date, person) in self.rows.days]
        self.rows.days -= {(date, person) for person in taken}
        return taken

    async def compute(
        self, _: object, date: dt.date, people: Sequence[UUID], announced_from: dt.date, *, whole: bool = False
    ) -> list[UUID]:
        assert announced_from < TODAY
        for person in people:
            if (error := self.cannot.get(person)) is not None:
                raise type(error)(*error.args)
        self.rows.computed += [(date, person) for person in people]
        self.rows.log.append(("date" if whole else "people", len(people)))
        return list(people)

    async def take_counters(
        self, _: object, today: dt.date, limit: int, but: Collection[str] = ()
    ) -> list[Counter]:
        free = sorted(counter for counter in self.rows.counters if counter.unit_id not in but)
        return await self.take_these_counters(_, free[:limit])

    async def take_these_counters(self, _: object, counters: Collection[Counter]) -> list[Counter]:
        taken = [counter for counter in counters if counter in self.rows.counters]
        self.rows.counters -= set(taken)
        return taken

    async def count(self, _: object, counters: Sequence[Counter]) -> None:
        for counter in counters:
            if (error := self.cannot.get(counter.unit_id)) is not None:
                raise type(error)(*error.args)
        self.rows.counted += counters
        if counters:
            self.rows.log.append(("counters", len(counters)))

    async def take_date(self, _: object, today: dt.date) -> Date | None:
        nearest = min(self.rows.dates, key=lambda date: abs(date - today), default=None)
        return None if nearest is None else Date(nearest, self.rows.dates[nearest])

    async def lock_date(self, _: object, date: Date) -> bool:
        return date.date in self.rows.dates and self.rows.dates[date.date] == date.done_to

    async def people_of(self, _: object, date: Date, limit: int) -> list[UUID]:
        planned = sorted(self.planned.get(date.date, ()))
        return [person for person in planned if date.done_to is None or person > date.done_to][:limit]

    async def advance(self, _: object, date: dt.date, done_to: UUID) -> None:
        self.rows.dates[date] = done_to

    async def end_date(self, _: object, date: dt.date) -> None:
        del self.rows.dates[date]

    async def touch(self, _: object, days: Collection[Day]) -> None:
        self.rows.days |= set(days)

    async def split(self, _: object) -> int:
        if not self.rows.every_date:
            return 0
        self.rows.every_date = False
        self.rows.dates |= dict.fromkeys(self.planned)
        return len(self.planned)

    async def tell(self, _: object, changed: Changed) -> None:
        self.rows.told.append(changed)

    async def waiting(self, _: object) -> Waiting:
        return Waiting(len(self.rows.days) + len(self.rows.dates), len(self.rows.counters))


@contextmanager
def standing_in(queue: Queue) -> Generator[Any]:
    """`queue` as a Database, with its methods in the place of the statements."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("may_compute", "take_people", "take_these", "compute", "take_counters", "take_these_counters",
                     "take_date", "lock_date", "people_of", "advance", "end_date", "touch", "split", "tell",
                     "waiting"):  # fmt: skip
            patch.setattr(steps.store, name, getattr(queue, name))
        patch.setattr(steps.counter_days, "count", queue.count)
        yield queue


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
        with suppress(ExceptionGroup):
            asyncio.run(drain(queue, NOW))
        wanted = alone | {(date, person) for date in whole for person in queue.planned[date]}
        assert set(queue.rows.computed) == {day for day in wanted if day[1] not in bad}
        assert queue.rows.days == {day for day in wanted if day[1] in bad}
        assert set(queue.rows.counted) == {counter for counter in counters if counter.unit_id not in bad}
        assert queue.rows.counters == {counter for counter in counters if counter.unit_id in bad}
        assert queue.rows.dates == {}


async def test_whoever_is_computed_is_told_of_in_the_same_transaction(queue: Any) -> None:
    days = touched(queue, 12)
    queue.cannot = {someone(5): ValueError("cannot")}
    queue.rows.counters = {Counter(TODAY, "A")}
    with pytest.raises(ExceptionGroup):
        await drain(queue, NOW)
    told = {(changed.work_date, person) for changed in queue.rows.told for person in changed.people or ()}
    assert told == set(days) - {(TODAY, someone(5))}
    assert [counter for changed in queue.rows.told for counter in changed.counters or ()] == [Counter(TODAY, "A")]


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
    async with keeping_up(queue, lag=keeping.FAR_BEHIND + 1) as service:
        await turns()
        assert queue.rows.computed == []
        service.metrics.consumer_lag.labels("reporting.facts", "t.v1", "0").set(keeping.FAR_BEHIND)
        await eventually(lambda: queue.rows.computed == days)


async def test_a_consumer_that_stays_far_behind_is_waited_for_only_so_long(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "IDLE_S", 0.001)
    monkeypatch.setattr(keeping, "PATIENCE_S", 0.01)
    days = touched(queue, 3)
    async with keeping_up(queue, lag=keeping.FAR_BEHIND + 1):
        await eventually(lambda: queue.rows.computed == days)


async def test_a_consumer_that_has_stopped_at_its_dead_letters_is_not_waited_for(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "IDLE_S", 86_400.0)
    days = touched(queue, 3)
    async with keeping_up(queue, lag=keeping.FAR_BEHIND + 1, stopped=True):
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
        await eventually(lambda: told("hadir_steps_age_seconds") > 0)
        queue.rebuilding = False
        queue.heard("")
        await eventually(lambda: told("hadir_steps_waiting_rows", table="person_day") == 0)
        await eventually(lambda: told("hadir_steps_age_seconds") == 0)
