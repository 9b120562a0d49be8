"""Carries what is due out of the house: one worker for each way, in each process.

A worker takes lanes, hands their parcels over one after another, many lanes at a time, and writes down what became
of each; those that end together share a transaction. It sleeps until it is told of something due, or until what it
knows of becomes due. Several processes share the queues: nobody takes what another one holds.
"""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

from services.notifications.channels import ChannelOut, Outcome, Parcel
from services.notifications.commands import queue
from services.notifications.commands.queue import LEASE, Load
from services.notifications.domain.delivery import HOLDS, Breaker, is_quiet, pause
from services.notifications.domain.kinds import Way
from services.notifications.store import queue as store
from services.notifications.store import rules
from services.notifications.store.queue import Ended, Settled
from shared import failures, under_way
from shared.database import Database, GroupCommit, Tx
from shared.service import Service

log = logging.getLogger(__name__)

LOOK_S = 15.0
"""So often a worker looks in any case: business time brings quiet hours to an end, and another process may die."""
SEND_S = 20.0
"""So long one parcel may take. A parcel is begun while the lease has twice that to go."""
GATHER_S = 0.02
"""Between two takings: lanes that end meanwhile are one."""
GOODBYE_S = 5.0
"""So long what is being handed over may go on when a service stops."""
AWAY_S = 1.0
"""Between two tries to write down what became of a parcel, while the database is away."""
ROOM_S = 1.0
"""So long a parcel waits whose server has enough to do already."""
OVERFLOW = 4
"""Lanes that wait in one process for a place at a server, for each of its places."""


Task = Callable[[Service], Awaitable[None]]


def task_of(way: Way) -> str:
    """The name of a way's background task."""
    return f"delivery_{way}"


def worker(channel: ChannelOut) -> Task:
    """The background task of a way."""

    async def work(service: Service) -> None:
        await Worker(service, channel).run()

    return work


def watch(channels: Collection[Way]) -> Task:
    """The background task that says which ways are open, and how full their queues are."""

    async def work(service: Service) -> None:
        metrics = service.metrics
        async with service.db.transaction() as tx:
            await queue.open_ways(tx, channels, service.clock.now())
        while True:
            async with service.db.read() as tx:
                limits = (await rules.current(tx)).limits
                quiet = HOLDS if is_quiet(limits, service.clock.now()) else ()
                depths = {depth.way: depth for depth in await store.depths(tx, quiet)}
            for way in channels:
                depth = depths.get(way, store.Depth(way, 0, 0.0, 0))
                metrics.delivery_waiting.labels(way).set(depth.waiting)
                metrics.delivery_age.labels(way).set(depth.oldest_s)
                metrics.delivery_dead.labels(way).set(depth.dead)
            service.health["delivery"].worked()
            await asyncio.sleep(LOOK_S)

    return work


class Worker:
    """One way's worker."""

    def __init__(self, service: Service, channel: ChannelOut) -> None:
        self.service = service
        self._db: Database = service.db
        self._channel = channel
        self._task = task_of(channel.way)
        self._wake = asyncio.Event()
        self.stopping = False
        self._lanes: dict[tuple[UUID, bool], asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(channel.at_once)
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._waiting: dict[str, int] = {}
        """Lanes that wait for a place at a host."""
        self._breakers: dict[str, Breaker] = {}
        self._swept_s = -math.inf
        self._quiet_s = -math.inf
        """When it was last seen to be quiet hours (monotonic)."""
        self._next_s = 0.0
        """When the next parcel may go, where so many a second are the most (monotonic)."""
        self._settling: GroupCommit[Sequence[Settled], None] = GroupCommit(self._db, self._settle, max_items=200)
        metrics = service.metrics
        metrics.delivery_breakers.labels(channel.way).set_function(self._open_now)
        for outcome in ("delivered", "refused", "later", "unknown", "put_off"):
            metrics.delivery_tries.labels(channel.way, outcome)
        metrics.delivery_seconds.labels(channel.way)
        for state in ("delivered", "dead", "dropped"):
            metrics.deliveries.labels(channel.way, state)

    async def run(self) -> None:
        """Until cancelled. What is being handed over then has a moment to end; the rest is given back."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._db.listen(store.CHANNEL, lambda _: self._wake.set(), self._wake.set))
                tasks.create_task(self._heed())
                await self._work()
        finally:
            await self._end()

    async def _heed(self) -> None:
        await self.service.stopping.wait()
        self.stopping = True

    async def _end(self) -> None:
        self.stopping = True
        left = self.service.stopping.left(keep=4.0)
        lanes = list(self._lanes.values())
        if lanes:
            _, late = await asyncio.wait(lanes, timeout=min(GOODBYE_S, left))
            for lane in late:
                lane.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await self._channel.close()

    async def _work(self) -> None:
        while not self.stopping:
            self._wake.clear()
            room = OVERFLOW * self._channel.at_once - len(self._lanes)
            try:
                taken, wait_s = await self._take(room) if room > 0 else (0, LOOK_S)
            except Exception as error:
                if not failures.is_away(error):
                    raise
                # What is being handed over goes on, and is written down when the database is back.
                self.service.health[self._task].failed(error)
                await asyncio.sleep(AWAY_S)
                continue
            self.service.health[self._task].worked()
            if taken:
                await asyncio.sleep(GATHER_S)
                if self._room():
                    continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            await asyncio.sleep(GATHER_S)

    async def _take(self, room: int) -> tuple[int, float]:
        """Begin with up to so many lanes; how many, and in how many seconds to look again without being told."""
        channel, now, began_s = self._channel, self.service.clock.now(), time.monotonic()
        ended: list[Ended] = []
        wait_s = LOOK_S
        async with self._db.transaction() as tx:
            if began_s - self._swept_s >= LOOK_S:
                ended += await queue.sweep(tx, channel, now)
            limits = (await rules.current(tx)).limits
            if channel.way in HOLDS and is_quiet(limits, now):
                self._quiet_s = began_s
            lanes, gone = await queue.take(tx, channel, limits, now, busy=self._lanes.keys(), lanes=room)
            if not lanes and (due_s := await store.next_due_s(tx, channel.way)) is not None:
                wait_s = min(wait_s, max(0.0, due_s))
        if began_s - self._swept_s >= LOOK_S:
            self._swept_s = began_s
        self._count([*ended, *gone])
        for lane in lanes:
            self._begin(lane, began_s + LEASE.total_seconds() - 2 * SEND_S)
        return len(lanes), wait_s

    def _room(self) -> bool:
        return len(self._lanes) <= OVERFLOW * self._channel.at_once / 2

    def _begin(self, lane: list[Load], until_s: float) -> None:
        key = lane[0].parcel.recipient, lane[0].urgent
        self._lanes[key] = task = asyncio.create_task(self._serve(lane, until_s))

        def done(_: asyncio.Task[None]) -> None:
            del self._lanes[key]
            if self._room():
                self._wake.set()

        task.add_done_callback(done)

    async def _serve(self, lane: list[Load], until_s: float) -> None:
        """Hand the parcels of a lane over, in their order, until one of them has to wait. What is not handed over
        before `until_s` (monotonic) is given back."""
        written: list[asyncio.Task[None]] = []
        try:
            for nth, load in enumerate(lane):
                became = await self._hand_over(load, until_s)
                rest = lane[nth + 1 :] if became.state == "waiting" else []
                # They wait for it, whatever time they would be due at.
                settled = [*load.settled(became), *_given_back(rest, became.pause)]
                written.append(asyncio.create_task(self._write_down(settled)))
                if rest or became.state == "waiting":
                    break
        except asyncio.CancelledError:
            rest = _given_back(lane[len(written) :], timedelta())
            if rest:
                written.append(asyncio.create_task(self._write_down(rest)))
            raise
        except Exception as error:
            # What is not written down is taken again when the lease is over.
            self.service.health[self._task].failed(error)
            log.exception(
                "a parcel could not be handed over",
                extra={
                    "sparing": self._task,
                    "fields": {"way": self._channel.way, "failure": type(error).__name__},
                },
            )
        finally:
            await asyncio.gather(*written)

    async def _hand_over(self, load: Load, until_s: float) -> Settled:
        """Hand one parcel over; what became of it (of the first of its deliveries, as of all)."""
        shut = {address.host for address in load.parcel.addresses if self._is_shut(address.host)}
        here = queue.without(load, shut)
        hosts = sorted({address.host for address in here.parcel.addresses})
        if not hosts:
            return self._put_off(load, self._opens_in(shut))
        if any(self._waiting.get(host, 0) >= OVERFLOW * self._channel.at_once_to_a_host for host in hosts):
            return self._put_off(load, timedelta(seconds=ROOM_S * (0.5 + random.random())))  # noqa: S311 - no secret
        async with AsyncExitStack() as places:
            for host in hosts:
                await self._place(host, places)
            await places.enter_async_context(self._places)
            await self._keep_pace()
            if self.stopping or time.monotonic() > until_s or any(self._is_shut(host) for host in hosts):
                return self._put_off(load, self._opens_in(set(hosts)))
            for host in hosts:
                self._breakers[host] = self._breakers.get(host, Breaker()).tries()
            began_ns = time.time_ns()
            outcome = await self._sent(here.parcel)
        await self._traced(load, outcome, began_ns)
        self._heard(here.parcel, outcome)
        self.service.metrics.delivery_tries.labels(self._channel.way, outcome.became).inc()
        if outcome.gone:
            async with self._db.transaction() as tx:
                await self._channel.forget(tx, outcome.gone)
        return self._judged(load, here, outcome, shut)

    async def _traced(self, load: Load, outcome: Outcome, began_ns: int) -> None:
        """A span in the trace of each of its messages."""
        exporter = self.service.spans
        if exporter is None:
            return
        with contextlib.suppress(Exception):  # what was handed over is to be written down
            async with self._db.read() as tx:
                traces = await under_way.of(tx, [str(one.notification_id) for one in load.deliveries])
            for traceparent in traces.values():
                exporter.child(
                    f"deliver {self._channel.way}",
                    traceparent,
                    began_ns=began_ns,
                    kind="client",
                    attributes={"hadir.became": outcome.became},
                    failed=outcome.became != "delivered",
                )

    async def _sent(self, parcel: Parcel) -> Outcome:
        """What became of a parcel: whatever a channel does, within its time."""
        try:
            async with asyncio.timeout(SEND_S):
                return await self._channel.send(parcel)
        except TimeoutError:
            return Outcome("unknown", f"no answer within {SEND_S:.0f} s", away=True)
        except asyncio.CancelledError:
            return Outcome("unknown", "the service stopped")  # only `_end` does so, and then nothing follows
        except Exception as error:
            log.exception(
                "a channel failed",
                extra={
                    "sparing": self._task,
                    "fields": {"way": self._channel.way, "failure": type(error).__name__},
                },
            )
            return Outcome("unknown", f"a fault of ours: {type(error).__name__}")

    def _judged(self, load: Load, here: Load, outcome: Outcome, shut: set[str]) -> Settled:
        """What an outcome means for the deliveries of a parcel, some of whose servers may be taken to be down."""
        became, reached = outcome.became, frozenset(outcome.reached)
        if became == "delivered":
            reached |= {address.key for address in here.parcel.addresses}
        elif became == "unknown" and self._channel.repeats_safely:
            became = "later"
        had = bool(reached or load.deliveries[0].reached)
        settled = load.deliveries[0]
        done = Settled(settled.delivery_id, settled.lease_until, "delivered", error=outcome.error, reached=reached)
        if became == "delivered" and not shut:
            return done
        if became in ("refused", "unknown") and not shut:
            return (
                done
                if had
                else done._replace(state="dead", error="unknown" if became == "unknown" else done.error)
            )
        away = outcome.away or bool(shut)
        wait = pause(1 if away else load.parcel.attempt, random.random(), outcome.retry_after)  # noqa: S311 - no secret
        if wait is None:
            return done if had else done._replace(state="dead")
        if away:
            wait = max(wait, self._opens_in(shut | {address.host for address in here.parcel.addresses}))
        return done._replace(state="waiting", pause=wait, counted=not away)

    def _put_off(self, load: Load, wait: timedelta) -> Settled:
        self.service.metrics.delivery_tries.labels(self._channel.way, "put_off").inc()
        first = load.deliveries[0]
        return Settled(first.delivery_id, first.lease_until, "waiting", pause=wait, error="put off", counted=False)

    async def _place(self, host: str, places: AsyncExitStack) -> None:
        """A place among those that are handed over to a host at the same time."""
        of_host = self._hosts.setdefault(host, asyncio.Semaphore(self._channel.at_once_to_a_host))
        self._waiting[host] = self._waiting.get(host, 0) + 1
        try:
            await places.enter_async_context(of_host)
        finally:
            self._waiting[host] -= 1

    async def _keep_pace(self) -> None:
        if self._channel.per_second is not None:
            now_s = time.monotonic()
            mine_s = max(now_s, self._next_s)
            self._next_s = mine_s + 1 / self._channel.per_second
            await asyncio.sleep(mine_s - now_s)

    def _is_shut(self, host: str) -> bool:
        return self._breakers.get(host, Breaker()).state(time.monotonic()) == "open"

    def _open_now(self) -> float:
        return float(sum(self._is_shut(host) for host in self._breakers))

    def _opens_in(self, hosts: set[str]) -> timedelta:
        """When the first of these hosts may be tried again, and a little more, by lot."""
        now_s = time.monotonic()
        until_s = min((self._breakers[host].until_s for host in hosts if self._is_shut(host)), default=now_s)
        lot = random.random() if until_s > now_s else 0.0  # noqa: S311 - no secret
        return timedelta(seconds=max(0.0, until_s - now_s) + lot)

    def _heard(self, parcel: Parcel, outcome: Outcome) -> None:
        """What an outcome says of the servers. Those that answered are up, also if they refused."""
        for host in {address.host for address in parcel.addresses}:
            keys = {address.key for address in parcel.addresses if address.host == host}
            if outcome.away and not keys & outcome.reached:
                failed = self._breakers[host].failed(time.monotonic(), random.random())  # noqa: S311 - no secret
                self._breakers[host] = failed
                if failed.opened:
                    log.warning(
                        "a server is away; what is for it waits",
                        extra={"sparing": f"{self._task} away", "fields": {"way": self._channel.way}},
                    )
            else:
                self._breakers.pop(host, None)

    async def _write_down(self, settled: Sequence[Settled]) -> None:
        """Until it is in the database, or another process may have taken it over, or this one ends."""
        until_s = time.monotonic() + LEASE.total_seconds()
        while True:
            try:
                await self._settling.submit(settled)
            except Exception as error:
                if not failures.is_away(error) or self.stopping or time.monotonic() > until_s:
                    self.service.health[self._task].failed(error)
                    log.exception("what became of a parcel is not written down", extra={"sparing": self._task})
                    return
                await asyncio.sleep(AWAY_S)
            else:
                return

    async def _settle(self, tx: Tx, items: Sequence[Sequence[Settled]]) -> Sequence[None]:
        ended = await queue.settle(tx, [one for item in items for one in item], self.service.clock.now())
        self._count(ended)
        return [None] * len(items)

    def _count(self, ended: Sequence[Ended]) -> None:
        for one in ended:
            if one.state != "waiting":
                self.service.metrics.deliveries.labels(one.way, one.state).inc()
            if one.took_s is not None:
                # What quiet hours held back might go when they were over.
                took_s = one.took_s if one.urgent else min(one.took_s, time.monotonic() - self._quiet_s)
                self.service.metrics.delivery_seconds.labels(one.way).observe(took_s)


def _given_back(loads: Sequence[Load], wait: timedelta | None) -> list[Settled]:
    """Deliveries that were taken and not tried."""
    return [
        Settled(one.delivery_id, one.lease_until, "waiting", pause=wait or timedelta(), counted=False)
        for load in loads
        for one in load.deliveries
    ]
