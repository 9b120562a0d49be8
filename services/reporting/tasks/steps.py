"""Keeps the steps of person-days and the counts of counters up with the facts.

A fold wakes it by the notice of its transaction, in this replica and in every other: they share the work.
"""

import asyncio
import contextlib
import logging
import time

from services.reporting.commands.steps import COUNTERS, Drain, NotComputed
from services.reporting.store import facts
from services.reporting.store import waiting as store
from shared.service import Service
from shared.tasks import Health

log = logging.getLogger(__name__)

IDLE_S = 1.0
"""Wall seconds after which the queue is looked at though nobody said anything."""
TRY_AGAIN_S = 30.0
"""Wall seconds after which what could not be computed is tried again."""
FAR_BEHIND = 20_000
"""Records that the consumer has still to read: then a person-day would be computed again and again."""
PATIENCE_S = 30.0
"""So long what is touched waits at most while the consumer is far behind."""
AT_IT_S = 5.0
"""So long the queue is worked off after that, before it waits again."""
PEOPLE_EVERY_S, COUNTERS_EVERY_S = 0.02, 0.05
"""Wall seconds between two beginnings, while more and more comes: what a transaction costs in any case is shared
by who comes meanwhile. The first after a silence begins at once. No browser shows counters more often."""
SAMPLE_S = 5.0


async def keep_up(service: Service) -> None:
    """Background task of the reporting service; runs until cancelled."""
    keeper = _Keeper(service)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keeper.listen())
        tasks.create_task(keeper.work())
        tasks.create_task(keeper.count())
        tasks.create_task(keeper.sample())


class Patience:
    """Whether it pays to wait for the consumer: a wait in which it did not come nearer was in vain.

    It may be that a partition cannot be read, or that as much comes in as is read. Then nothing is waited for
    until it has come nearer by as much as counts as far behind.
    """

    def __init__(self) -> None:
        self._most: float | None = None
        """The most records that were left to read since a wait was in vain."""

    def pays(self, lag: float) -> bool:
        """Whether to wait, when so many records are left to read."""
        if lag <= FAR_BEHIND or (self._most is not None and lag <= self._most - FAR_BEHIND):
            self._most = None
        elif self._most is not None:
            self._most = max(self._most, lag)
        return lag > FAR_BEHIND and self._most is None

    def waited(self, before: float, lag: float) -> None:
        """A whole wait is over: so many records were left to read before, and are now."""
        if lag > before - FAR_BEHIND:
            self._most = max(before, lag)


class _Keeper:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._woken, self._uncounted = asyncio.Event(), asyncio.Event()
        self._drain = Drain(service.db, service.metrics, service.clock)
        self._tried_at = 0.0
        self._empty_at = time.monotonic()
        self._patience = Patience()

    async def work(self) -> None:
        health = self._service.health["steps"]
        while True:
            self._woken.clear()
            await self._wait_for_the_consumer()
            until, began = time.monotonic() + AT_IT_S, time.monotonic()
            while await self._drain.people(self._service.clock.now()):
                self._tell(health)
                self._uncounted.set()
                if time.monotonic() > until and self._far_behind():
                    break
                await asyncio.sleep(began + PEOPLE_EVERY_S - time.monotonic())
                began = time.monotonic()
            else:
                self._empty_at = time.monotonic()
            self._tell(health)
            await self._idle(self._woken)

    async def count(self) -> None:
        """Counters are counted beside the people who touch them, so that nobody waits for those of others."""
        health = self._service.health["steps"]
        while True:
            self._uncounted.clear()
            began = time.monotonic()
            while took := await self._drain.counters(self._service.clock.now()):
                self._tell(health)
                if took < COUNTERS:
                    await asyncio.sleep(began + COUNTERS_EVERY_S - time.monotonic())
                began = time.monotonic()
            self._tell(health)
            await self._idle(self._uncounted)

    @staticmethod
    async def _idle(woken: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                await woken.wait()

    def _tell(self, health: Health) -> None:
        """After each transaction: a rebuilt year takes longer than a task may be silent."""
        if self._drain.errors:
            self._complain()
        else:
            health.worked()

    def _complain(self) -> None:
        now = time.monotonic()
        if now - self._tried_at < TRY_AGAIN_S:
            return
        self._tried_at = now
        *_, latest = self._drain.errors
        self._service.health["steps"].failed(latest)
        log.error(
            "facts that nothing can be computed from; everything else was",
            extra={
                "sparing": "steps",
                "fields": {
                    "failures": NotComputed("", self._drain.errors[:5]).told(),
                },
            },
        )
        self._drain.forget()

    async def _wait_for_the_consumer(self) -> None:
        before = self._lag()
        for _ in range(round(PATIENCE_S / IDLE_S)):
            if not self._far_behind():
                return
            await asyncio.sleep(IDLE_S)
        self._patience.waited(before, self._lag())

    def _far_behind(self) -> bool:
        # What lies behind a partition's dead letters will not come, however long anyone waits.
        return not self._service.bus.stopped() and self._patience.pays(self._lag())

    def _lag(self) -> float:
        lag = self._service.metrics.consumer_lag.collect()
        return sum(sample.value for metric in lag for sample in metric.samples)

    async def listen(self) -> None:
        """Wakes the work when a fold was committed; while the connection is away, the clock serves."""
        await self._service.db.listen(facts.CHANNEL, lambda _: self._wake(), self._wake)

    def _wake(self) -> None:
        self._woken.set()
        self._uncounted.set()  # a unit may be another now

    async def sample(self) -> None:
        """How much waits, and for how long; where more does than is counted, at most for how long."""
        metrics = self._service.metrics
        while True:
            async with self._service.db.read() as tx:
                waiting = await store.waiting(tx)
            metrics.steps_waiting.labels("person_day").set(waiting.days)
            metrics.steps_waiting.labels("counter_day").set(waiting.counters)
            uncounted = store.MOST in (waiting.days, waiting.counters)
            since_empty_s = time.monotonic() - self._empty_at if uncounted else 0.0
            metrics.steps_age.set(max(waiting.oldest_s, since_empty_s))
            await asyncio.sleep(SAMPLE_S)
