"""Working off what folds have touched: the steps of person-days, and the counts of counters (docs/reporting.md).

Each transaction is bounded: some person-days of one date, some people of a date that was touched as a whole, or
some counters. Single person-days come before whole dates, though not for ever, and dates near today before others.
Counters are counted after the people who touched them, or beside the next of them, for one takes as long as six
people. What cannot be computed is left where it is and named; everything else is computed.
"""

import asyncio
import datetime as dt
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.reporting.domain.transitions import announced_from
from services.reporting.store import budget, counter_days, notices
from services.reporting.store import steps as store
from services.reporting.store.notices import Changed
from services.reporting.store.steps import Counter, Date
from shared import failures, spans, under_way
from shared.clock import Clock, wall_s
from shared.database import Database, Tx
from shared.dates import local_date
from shared.failures import Fault
from shared.telemetry import Metrics

PEOPLE = 500
"""So many single person-days share a transaction: some 30 ms."""
PEOPLE_OF_A_DATE = 2000
"""So many people of a date that was touched as a whole: some 120 ms. While people come in, PEOPLE at most."""
EXPECTED_S = 1.0
"""So long after single person-days more of them are expected: whoever comes in meanwhile waits for one chunk."""
COUNTERS = 20
"""So many counters share a transaction: some 8 ms."""
IN_A_ROW = 8
"""So many transactions of single person-days come before everything else has one: while check-ins come without end
a date that was touched as a whole is worked off too, and a check-in waits for one chunk of it at most."""

HISTORY_S = 86_400.0
"""A check-in that was accepted longer ago (wall seconds) comes from a log that is read again."""

AT_ONCE = 2
"""So many drains of one process work off what is touched as a whole, beside those of the services."""

Computed = Callable[[int], None]
"""Called after each transaction with how many person-days and counters' dates it computed."""

Progress = Callable[[int, int], None]
"""Called with (dates done, dates there are)."""


class NotComputed(ExceptionGroup[Exception]):
    """Facts that nothing can be computed from; everything else was."""

    def told(self) -> list[str]:
        """A line for each person-day and unit."""
        return [f"{', '.join(error.__notes__)}: {type(error).__name__}: {error}" for error in self.exceptions]


class Unfinished(Exception):
    """The facts are incomplete: nothing is computed from them."""


@dataclass
class Drain:
    """What works the queue off. What it cannot compute it passes over until it is told to `forget`."""

    db: Database
    metrics: Metrics | None = None
    clock: Clock | None = None
    """Where it is given, what check-ins took to be computed is measured by it."""
    computed: Computed = lambda _: None
    days: set[tuple[dt.date, UUID]] = field(default_factory=set[tuple[dt.date, UUID]])
    """Person-days that cannot be computed."""
    units: set[str] = field(default_factory=set[str])
    """Units that cannot be counted."""
    errors: list[Exception] = field(default_factory=list[Exception])
    _in_a_row: int = 0
    _single_at: float = -math.inf

    def forget(self) -> None:
        """Try everything again."""
        self.days.clear()
        self.units.clear()
        self.errors.clear()

    async def once(self, now: dt.datetime) -> bool:
        """Some `people`, or without any some `counters`; whether there was any work."""
        return await self.people(now) or await self.counters(now) > 0

    async def people(self, now: dt.datetime) -> bool:
        """A few transactions, or those that it takes to find who cannot be computed; whether there was any work.

        Raises a failure of the world, or of a wrong deploy.
        """
        today = local_date(now)
        if self._in_a_row < IN_A_ROW:
            if await self._some_people(today):
                self._in_a_row += 1
                self._single_at = time.monotonic()
                return True
            if not await self._anything():
                self._in_a_row = 0
                return False
        others_wait, self._in_a_row = self._in_a_row == IN_A_ROW, 0
        # Split first: while every date is touched, no view looks anything up.
        done = [await self._split(), await self._some_of_a_date(today)]
        return any(done) or (others_wait and await self._some_people(today))

    async def all(self, now: dt.datetime) -> int:
        """Everything that is touched; returns how many person-days and counters' dates were computed.

        Raises NotComputed for what cannot be computed, once everything else has been.
        """
        before, count = self.computed, 0

        def counting(computed: int) -> None:
            nonlocal count
            count += computed
            before(computed)

        self.computed = counting
        try:
            while await self.once(now):
                pass
        finally:
            self.computed = before
        if self.errors:
            raise NotComputed(NotComputed.__doc__ or "", self.errors)
        return count

    async def _some_people(self, today: dt.date) -> bool:
        date, people, checked_in = today, list[UUID](), list[dt.datetime]()
        exporter, traces, began_ns = spans.of("reporting"), dict[str, str](), time.time_ns()
        try:
            async with self.db.transaction() as tx:
                if not await store.may_compute(tx):
                    return False
                taken = await store.take_people(tx, today, PEOPLE, self.days)
                if taken is None:
                    return False
                date, people, checked_in = taken
                await store.compute(tx, date, people, announced_from(today))
                # Who is as they were, too: the board may have seen what was true while they waited.
                await notices.tell(tx, Changed(date, people, ()))
                if exporter is not None:
                    traces = await under_way.of(tx, Changed(date, people, ()).subjects())
        except Exception as error:
            if failures.fault_of(error) is not Fault.DATA or not people:
                raise

            async def do(part: Sequence[UUID]) -> None:
                await self._these(date, part, today)

            for person, why in await failures.culprits(people, do):
                self.days.add((date, person))
                self._cannot(why, f"person-day {person} {date}")
        else:
            self._did(len(people), 0)
            self._shown(checked_in)
            if exporter is not None:
                for one in traces.values():
                    exporter.child("compute person_day", one, began_ns=began_ns)
        return True

    async def _these(self, date: dt.date, people: Sequence[UUID], today: dt.date) -> None:
        """These person-days alone, and none of the counters."""
        async with self.db.transaction() as tx:
            if not await store.may_compute(tx):
                return
            taken = await store.take_these(tx, date, people)
            await store.compute(tx, date, taken, announced_from(today))
            await notices.tell(tx, Changed(date, taken, ()))
        self._did(len(taken), 0)

    async def counters(self, now: dt.datetime) -> int:
        """Some counters' dates, those near today first; returns how many there were. Raises as `people`."""
        today, taken = local_date(now), dict[Counter, int]()
        try:
            async with self.db.transaction() as tx:
                if not await store.may_compute(tx):
                    return 0
                taken = await store.take_counters(tx, today, COUNTERS, self.units)
                if not taken:
                    return 0
                await self._counted(tx, taken)
        except Exception as error:
            if failures.fault_of(error) is not Fault.DATA or not taken:
                raise
            for counter, why in await failures.culprits(list(taken), self._count):
                self.units.add(counter.unit_id)
                self._cannot(why, f"unit {counter.unit_id} {counter.day}")
        else:
            self._did(0, len(taken))
        return len(taken)

    @staticmethod
    async def _counted(tx: Tx, taken: Mapping[Counter, int]) -> None:
        await counter_days.count(tx, list(taken))
        await store.counted(tx, taken)
        await notices.tell(tx, Changed(None, (), list(taken)))
        await budget.touch(tx, {counter.unit_id for counter in taken})

    async def _count(self, counters: Sequence[Counter]) -> None:
        async with self.db.transaction() as tx:
            if not await store.may_compute(tx):
                return
            taken = await store.take_these_counters(tx, counters)
            await self._counted(tx, taken)
        self._did(0, len(taken))

    async def _some_of_a_date(self, today: dt.date) -> bool:
        date, people = None, list[UUID]()
        try:
            async with self.db.transaction() as tx:
                if not await store.may_compute(tx):
                    return False
                date = await store.take_date(tx, today)
                if date is None:
                    return False
                expected = time.monotonic() - self._single_at < EXPECTED_S
                people = await store.people_of(tx, date, PEOPLE if expected else PEOPLE_OF_A_DATE)
                if people:
                    await self._of_the_date(tx, date, people, today)
                    await store.advance(tx, date.date, people[-1])
                else:
                    await store.end_date(tx, date.date)
                    # As above, without their names: most of a date is as it was.
                    await notices.tell(tx, Changed(date.date, None, ()))
        except Exception as error:
            if failures.fault_of(error) is not Fault.DATA or date is None or not people:
                raise
            await self._one_by_one(date, people, today)
        else:
            self._did(len(people), 0)
        return True

    async def _of_the_date(self, tx: Tx, date: Date, people: Sequence[UUID], today: dt.date) -> None:
        # Whoever cannot be computed has a touch of their own.
        some = [person for person in people if (date.date, person) not in self.days]
        changed = await store.compute(tx, date.date, some, announced_from(today), whole=True)
        await notices.tell(tx, Changed(date.date, changed, ()))

    async def _one_by_one(self, date: Date, people: Sequence[UUID], today: dt.date) -> None:
        """Those who cannot be computed get touches of their own, so that the date goes on without them."""

        async def do(part: Sequence[UUID]) -> None:
            async with self.db.transaction() as tx:
                if await store.may_compute(tx) and await store.lock_date(tx, date):
                    await self._of_the_date(tx, date, part, today)

        culprits = await failures.culprits(people, do)
        async with self.db.transaction() as tx:
            if await store.may_compute(tx) and await store.lock_date(tx, date):
                await store.touch(tx, [(date.date, person) for person, _ in culprits])
                await store.advance(tx, date.date, people[-1])
        for person, why in culprits:
            self.days.add((date.date, person))
            self._cannot(why, f"person-day {person} {date.date}")

    async def _anything(self) -> bool:
        """Whether anyone is touched at all: after each check-in that is asked, and mostly nobody is."""
        async with self.db.read() as tx:
            return await store.anything(tx)

    async def _split(self) -> bool:
        async with self.db.transaction() as tx:
            return await store.may_compute(tx) and await store.split(tx) > 0

    def _cannot(self, error: Exception, what: str) -> None:
        error.add_note(what)
        self.errors.append(error)

    def _shown(self, checked_in: Sequence[dt.datetime]) -> None:
        """Check-ins accepted then can be seen on the board. Of a log that is read again nothing is measured."""
        if self.metrics is None or self.clock is None:
            return
        for accepted in checked_in:
            seconds = wall_s(self.clock, accepted)
            if seconds < HISTORY_S:
                self.metrics.board_seconds.observe(seconds)

    def _did(self, days: int, counters: int) -> None:
        if self.metrics is not None:
            self.metrics.steps_computed.labels("person_day").inc(days)
            self.metrics.steps_computed.labels("counter_day").inc(counters)
        self.computed(days + counters)


async def drain(db: Database, now: dt.datetime) -> int:
    """Compute everything that is touched; returns how many person-days and counters' dates that were."""
    return await Drain(db).all(now)


async def everything(db: Database, now: dt.datetime, progress: Progress) -> int:
    """Compute everything that is touched, beside the services that do the same; returns how much was computed
    here.

    When it returns, what was touched before is computed, also what others had in their hands. Raises Unfinished,
    and NotComputed once everything else is computed. May be broken off: what is left stays touched.
    """
    drains, count, dates = [Drain(db) for _ in range(AT_ONCE)], 0, 0

    def computed(some: int) -> None:
        nonlocal count
        count += some

    async def say() -> int:
        nonlocal dates
        async with db.read() as tx:
            left = await store.dates_left(tx)
        dates = max(dates, left)
        if dates:
            progress(dates - left, dates)
        return left

    async def work(drain: Drain) -> None:
        drain.computed = computed
        while await drain.once(now):
            await say()

    async with db.transaction() as tx:
        if not await store.may_compute(tx):
            raise Unfinished("a rebuild was broken off, the facts are incomplete: run `hadir rebuild` to its end")
        await store.split(tx)
    left = await say()
    settled = False
    while not settled:
        settled = left == 0
        try:
            async with asyncio.TaskGroup() as tasks:
                for drain in drains:
                    tasks.create_task(work(drain))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        async with db.transaction() as tx:
            await store.nobody_computes(tx)
        left = await say()
    errors = {", ".join(error.__notes__): error for drain in drains for error in drain.errors}
    if errors:
        raise NotComputed(NotComputed.__doc__ or "", list(errors.values()))
    return count
