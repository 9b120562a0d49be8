"""The recipe by which one declared handler reads its topics.

In this order and nowhere else: read a batch, decode each record without raising, call the handler (one database
transaction), set aside what cannot be read or handled, acknowledge exactly what was read.

The next batch is read and decoded while one is being written, and where the handler's batches need not wait for
each other (`at_once`) several are written at the same time. They are acknowledged in the order in which they were
read, and none before it is committed. Whatever stands out of order waits for its turn: a batch that holds what
cannot be read, or does not go in, is settled when all before it are acknowledged. Partitions are given up, and the
process ends, when all that is in hand is acknowledged.

A failure of the world (database or Kafka away, a wrong deploy) has all from that batch on read again after a
pause: nothing is lost and no record is blamed. Any other failure lies in one record or a few: the batch is halved
until they are found. A record is blamed only if it fails alone, twice; where it may be a bug that every record
meets, only if other records of the batch went in. What went in before a search was cut short, or before a batch
ahead of it failed, goes in again: the law of the projections makes that harmless.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any, cast

from aiokafka import ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from shared import batch as batches
from shared import failures, spans, trace
from shared.batch import Batch, Item, Read, Search, Settled, Skipped
from shared.dead_letters import DeadLetterLimit, DeadLetters, Limit, Tally
from shared.events import Received
from shared.failures import Fault
from shared.gone import Gone
from shared.handling import Declaration, HandlerContext
from shared.lag import Lag
from shared.log import Record
from shared.telemetry import Metrics

log = logging.getLogger(__name__)

REBALANCE_TIMEOUT_MS = 60_000
SESSION_TIMEOUT_MS = 6_000
"""The least that Kafka allows: the partitions of a process that was killed are read by another within 10 s.
Heartbeats are sent beside the handler, however long its batch takes."""
HEARTBEAT_MS = 1_500
FETCH_WAIT_MS = 50
"""How long the broker may hold a fetch that finds nothing. aiokafka has one fetch under way: while a batch takes
more than 0.1 s it asks for other partitions, and for those of the batch only when that one returns. Measured idle:
1 % of a core more than with 500 ms."""
MAX_PAUSE_S = 30.0
STUCK_AFTER_S = 120.0
LOOK_AT_BROKER_AFTER_S = 30.0
"""A consumer that has not moved for so long asks the broker for the ends of its partitions: a client that has
stopped fetching would otherwise believe for ever that there is nothing to read."""
AT_ONCE = 3
"""Batches that are written at the same time where they need not wait for each other: while one waits for the disk,
another keeps PostgreSQL busy and a third comes."""
BUG_AFTER_ATTEMPTS = 5
"""So often a batch of nothing but failing records is read again before its records are blamed for a bug."""


def pause_s(times: int) -> float:
    """Seconds after which it is tried again what has failed so many times in a row."""
    return min(MAX_PAUSE_S, 0.5 * 2 ** min(times - 1, 10))


def _clean(record: Record) -> Record:
    """FastStream's parser raises at a header that is null or not UTF-8, and then loses the batch; so it never
    sees ours. The decoder reads the original record."""
    return replace(record, headers=())


def _records(message: KafkaMessage) -> tuple[Record, ...]:  # FastStream types a message as if it had one
    return cast("tuple[Record, ...]", message.raw_message)


class _Drain(ConsumerRebalanceListener):
    """Lets the batches under way finish and commit before their partitions are given up."""

    def __init__(self, consumer: "Consumer", metrics: Metrics, group: str) -> None:
        self._consumer = consumer
        self._metrics = metrics
        self._group = group

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] - aiokafka awaits it
        self, revoked: Sequence[TopicPartition]
    ) -> None:
        if revoked:
            self._metrics.rebalances.labels(self._group).inc()
        # One deadline, below the group's rebalance timeout: late is better than never.
        await self._consumer.give_up(within_s=REBALANCE_TIMEOUT_MS / 1000 * 0.8)

    async def on_partitions_assigned(self, assigned: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Nothing is to do."""


class Consumer:
    """One declared handler, with its recipe and its health."""

    def __init__(self, declaration: Declaration, context: HandlerContext, dead_letters: DeadLetters) -> None:
        self.declaration = declaration
        self.subscriber: Any = None
        self.stopped: dict[TopicPartition, str] = {}
        """Partitions at their dead letter limit, and what was said of them."""
        self.failing_since: float | None = None
        """Monotonic time of the first of the failures in a row that batches have now."""
        self.failure = ""
        self._context = context
        self._dead_letters = dead_letters
        settings = context.settings
        # A connection or two are left to all else that the service does.
        self._at_once = max(1, min(declaration.at_once, settings.database_pool_size // 2))
        self._limit = Limit(settings.dead_letter_limit, settings.dead_letter_per_thousand)
        self._tallies: dict[TopicPartition, Tally] = {}
        self._failures = 0
        self._stops: dict[TopicPartition, int] = {}
        self._flying: deque[Batch] = deque()
        """Batches in hand, in the order in which they were read."""
        self._waiting: Batch | None = None
        """The one that was read beyond them."""
        self._changed = asyncio.Event()
        self._advancing = self._going_back = self._closing = False
        self._giving_up = self._times_given_up = 0
        self._moved_at = time.monotonic()
        self._positions: dict[TopicPartition, int] = {}
        self._lag = Lag(context.metrics, declaration.group)
        self._gone = Gone(declaration.group, context.metrics)
        context.metrics.know_group(declaration.group)

    def subscribe(self, broker: KafkaBroker) -> None:
        self._flying.clear()
        self._closing = False

        async def parser(records: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
            # The message that FastStream needs for its bookkeeping; the records are read by `_take`.
            message = await original((_clean(records[0]),))
            message.raw_message = records
            return message

        async def decoder(_: KafkaMessage) -> list[Item]:
            return []

        async def consume(message: KafkaMessage) -> None:
            await self._take(_records(message))

        self.subscriber = broker.subscriber(
            *self.declaration.topics,
            group_id=self.declaration.group,
            batch=True,
            max_records=self._context.settings.batch_max_records,
            batch_timeout_ms=20,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            ack_policy=AckPolicy.MANUAL,
            listener=_Drain(self, self._context.metrics, self.declaration.group),
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            parser=parser,
            decoder=decoder,
            include_in_schema=False,
        )
        self.subscriber(consume)

    async def _take(self, records: Sequence[Record]) -> None:
        """Decode what was read, and let it go on its way as soon as there is room. Never raises."""
        given_up = self._times_given_up
        self._waiting = batch = self._decoded(records)
        try:
            await self._gone.look(self.subscriber.consumer, batch)
            await self._until(lambda: self._closing or self._has_room)
            if given_up == self._times_given_up and not self._closing and await self._is_current(batch):
                self._flying.append(batch)
                batch.task = asyncio.create_task(self._carry(batch))
        finally:
            self._waiting = None

    def _decoded(self, records: Sequence[Record]) -> Batch:
        trusted = self._context.settings.trusted_sources
        reads: dict[TopicPartition, list[Read]] = {}
        error: Exception | None = None
        try:
            items: list[Item] = [batches.read(record, trusted) for record in records]
        except Exception as met:
            items, error = [Skipped("not_decoded")] * len(records), met
        for read in zip(items, records, strict=True):
            reads.setdefault(TopicPartition(read[1].topic, read[1].partition), []).append(read)
        return Batch(reads, records[0].timestamp / 1000, error)

    @property
    def _has_room(self) -> bool:
        return len(self._flying) < self._at_once and not self._going_back and not self._giving_up

    async def _is_current(self, batch: Batch) -> bool:
        """Whether there is anything in the batch behind which the client did not go back since it was read."""
        client = self.subscriber.consumer
        for partition, reads in list(batch.reads.items()):
            try:
                behind = await client.position(partition) <= reads[-1][1].offset
            except Exception:  # not assigned any more
                behind = True
            if behind:
                del batch.reads[partition]
        return bool(batch.reads)

    async def _carry(self, batch: Batch) -> None:
        """One batch on its way. Raises nothing: what happened to it is kept in it."""
        try:
            if batch.error is None:
                await self._bring_in(batch)
        except Exception as error:
            batch.error = error
        batch.ended = True
        self._notify()
        await self._advance()

    async def _bring_in(self, batch: Batch) -> None:
        failed = False
        if batch.plain and self._flying[0] is not batch:
            try:
                await self._handle(batch.readable())
            except Exception as error:
                if failures.fault_of(error) in (Fault.WORLD, Fault.DEPLOY):
                    raise
                failed = True
            else:
                return
        # What is to be set aside is counted after all that was read before.
        await self._until(lambda: self._going_back or self._flying[0] is batch)
        if not self._going_back:
            batch.settled = await self._settle(batch, failed=failed)

    async def _advance(self) -> None:
        """Acknowledge what has come to its end, in order; go back to what failed. One does it at a time."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._flying and self._flying[0].ended:
                failure = self._flying[0].error
                if failure is None:
                    try:
                        await self._acknowledge(
                            list(takewhile(lambda batch: batch.ended and batch.error is None, self._flying))
                        )
                    except Exception as error:
                        failure = error
                if failure is not None:
                    await self._go_back(failure)
        finally:
            self._advancing = False
            self._notify()

    async def _go_back(self, error: Exception) -> None:
        """Read again, after a pause, from the first batch in hand on."""
        self._going_back = True
        try:
            self._notify()
            await self._until(lambda: all(batch.ended for batch in self._flying))
            client = self.subscriber.consumer
            for partition, offset in self._in_hand(waiting=False).items():
                if client is not None and partition in client.assignment():
                    client.seek(partition, offset)
            self._flying.clear()
            self._moved_at = time.monotonic()
            pause = self._failed(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._until(lambda: self._closing)
        finally:
            self._going_back = False

    def _batches(self) -> Sequence[Batch]:
        """Those in hand, and the one beyond."""
        return [*self._flying] if self._waiting is None else [*self._flying, self._waiting]

    def _in_hand(self, *, waiting: bool = True) -> dict[TopicPartition, int]:
        """The first offset that is not acknowledged yet of each partition in hand."""
        first: dict[TopicPartition, int] = {}
        for batch in self._batches() if waiting else self._flying:
            first = batch.begins() | first
        return first

    async def give_up(self, *, within_s: float) -> None:
        """Take nothing more in until all that is in hand is acknowledged; what was read beyond it is let go."""
        self._times_given_up += 1
        self._giving_up += 1
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._until(lambda: not self._flying)
        finally:
            self._giving_up -= 1
            self._notify()

    async def close(self, *, within_s: float) -> None:
        """Take nothing more in, and end when all that is in hand is acknowledged, or the time is up."""
        self._closing = True
        if self.subscriber is not None:
            self.subscriber.running = False
        self._notify()
        await self.give_up(within_s=within_s)
        late = [batch.task for batch in self._flying if batch.task is not None]
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._changed.wait()

    def _failed(self, error: Exception) -> float:
        """Tells of a batch that failed; returns after how many seconds it may be read again."""
        group = self.declaration.group
        self._failures += 1
        self.failing_since = self.failing_since or time.monotonic()
        self.failure = f"{type(error).__name__}: {error}"
        self._context.metrics.handler_failures.labels(group, type(error).__name__).inc()
        pause = pause_s(self._failures)
        log.warning(
            "a batch failed; it will be read again",
            exc_info=error if self._failures in (1, 10) else None,
            extra={
                "sparing": group,
                "fields": {
                    "group": group,
                    "failures": self._failures,
                    "failure": self.failure,
                    "again_in_s": pause,
                },
            },
        )
        return pause

    async def _handle(self, readable: list[Received]) -> None:
        if readable:
            began_ns = time.time_ns()
            with trace.handling(readable):
                await self.declaration.handler(readable, self._context)
                if (exporter := spans.of(self._context.metrics.service)) is not None:
                    exporter.handled(self.declaration.group, readable, began_ns)

    async def _settle(self, batch: Batch, *, failed: bool) -> Settled:
        blame_bugs = self._failures >= BUG_AFTER_ATTEMPTS
        search = Search(self._handle, self._limit, self._tallies, blame_bugs=blame_bugs)
        settled = await search.settle(batch.reads, failed=failed)
        if settled.poison:
            await self._dead_letters.set_aside(self.declaration.group, settled.poison)
        return settled

    async def _acknowledge(self, batches: Sequence[Batch]) -> None:
        """Commit exactly what was read, but for partitions that stop here; only then do the counts go on."""
        client = self.subscriber.consumer
        mine = client.assignment()
        done: dict[TopicPartition, int] = {}
        stopping: set[TopicPartition] = set()
        for batch in batches:
            stopping.update(batch.settled.stopped if batch.settled else ())
            done |= {
                partition: reads[-1][1].offset + 1
                for partition, reads in batch.reads.items()
                if partition in mine and partition not in stopping
            }
        if done:
            await client.commit(done)
        for partition in done:
            self._stops.pop(partition, None)
            self.stopped.pop(partition, None)
        for batch in batches:
            self._flying.popleft()
            self._count(batch)
            for partition, limit in (batch.settled.stopped if batch.settled else {}).items():
                first = batch.reads[partition][0][1].offset
                for later in self._flying:
                    later.reads.pop(partition, None)
                if partition in mine:
                    self._stop_reading(partition, first, limit)
        self._failures, self.failing_since = 0, None
        self._moved_at = time.monotonic()
        self._context.metrics.stopped_partitions.labels(self.declaration.group).set(len(self.stopped))
        self._notify()

    def _count(self, batch: Batch) -> None:
        """What is told of a batch, once it is acknowledged."""
        group, metrics = self.declaration.group, self._context.metrics
        stopped = batch.settled.stopped if batch.settled else {}
        for partition, reads in batch.reads.items():
            if partition in stopped:
                continue
            if batch.settled is not None:
                self._tallies[partition] = batch.settled.tallies[partition]
            elif partition in self._tallies:
                self._tallies[partition] = self._tallies[partition].after_good(len(reads))
            for item, _ in reads:
                if isinstance(item, Skipped):
                    metrics.events_skipped.labels(group, item.reason).inc()
        example = trace.exemplar(batch.example())
        metrics.batch_seconds.labels(group).observe(time.perf_counter() - batch.started, example)
        metrics.batch_records.labels(group).inc(sum(map(len, batch.reads.values())))
        metrics.event_age.labels(group).observe(max(0.0, time.time() - batch.read_at), example)

    def _stop_reading(self, partition: TopicPartition, offset: int, limit: DeadLetterLimit) -> None:
        """Leave the partition where it is, and look again after a pause; the other partitions go on."""
        client, group = self.subscriber.consumer, self.declaration.group
        client.seek(partition, offset)
        client.pause(partition)
        self.stopped[partition] = str(limit)
        times = self._stops[partition] = self._stops.get(partition, 0) + 1
        again_in_s = pause_s(times)
        self._context.metrics.dead_letter_stops.labels(group).inc()
        log.error(
            "a partition is not read on: too many dead letters",
            extra={
                "sparing": f"{group} {partition.topic} {partition.partition}",
                "fields": {"group": group, "failure": str(limit), "again_in_s": again_in_s},
            },
        )

        def resume() -> None:
            if self.subscriber.consumer is client and partition in client.assignment():
                client.resume(partition)

        asyncio.get_running_loop().call_later(again_in_s, resume)

    def _forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions that this member gave up: another tells of them now."""
        group, metrics = self.declaration.group, self._context.metrics
        for partition in partitions:
            for of_partition in (self._tallies, self._stops, self.stopped, self._positions):
                of_partition.pop(partition, None)
            self._lag.forget(partition)
        metrics.stopped_partitions.labels(group).set(len(self.stopped))

    async def sample(self) -> None:
        """Lag for each partition, and whether this consumer moves while it has something to read.

        Lag is what may be read and is not committed yet: up to the last stable offset, because what lies behind
        an open transaction may not be read by anyone. That is told apart, as records held.
        """
        client = self.subscriber.consumer if self.subscriber is not None else None
        if client is None:
            return
        group = self.declaration.group
        assigned: set[TopicPartition] = client.assignment()
        self._forget(self._lag.told - assigned)
        in_hand, read_from = self._in_hand(), batches.written_from(self._batches())
        looks = time.monotonic() - self._moved_at >= LOOK_AT_BROKER_AFTER_S
        ends = await self._ends(client, assigned) if looks else {}
        behind = False
        for partition in assigned:
            try:
                async with asyncio.timeout(2):
                    position = await client.position(partition)
            except Exception:
                log.debug("no position yet", extra={"fields": {"group": group}})
                continue
            if partition not in client.assignment():
                continue
            high = client.highwater(partition) or 0
            stable = client.last_stable_offset(partition)
            end = max(high if stable is None or stable < 0 else stable, ends.get(partition, 0))
            lag = max(0, end - min(position, in_hand.get(partition, position)))
            self._lag.tell(partition, records=lag, held=max(0, high - end), read_from=read_from.get(partition))
            behind = behind or (lag > 0 and partition not in self.stopped)
            if self._positions.get(partition) != position:
                self._positions[partition] = position
                self._moved_at = time.monotonic()
        if looks and not behind:
            self._moved_at = time.monotonic()

    async def _ends(self, client: Any, assigned: set[TopicPartition]) -> dict[TopicPartition, int]:
        """The last stable offsets as the broker knows them.

        If the broker does not answer, there is nothing that a restart would mend: the consumer counts as moving.
        """
        if not assigned:
            return {}
        try:
            async with asyncio.timeout(5):
                return await client.end_offsets(list(assigned))
        except Exception as error:
            log.debug("no end offsets", extra={"fields": {"group": self.declaration.group, "failure": str(error)}})
            self._moved_at = time.monotonic()
            return {}

    @property
    def stuck(self) -> bool:
        """It has had something to read and has not moved for two minutes: a restart helps."""
        return time.monotonic() - self._moved_at > STUCK_AFTER_S
