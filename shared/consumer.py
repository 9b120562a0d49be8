"""The recipe by which one declared handler reads its topics.

In this order and nowhere else: read a batch, decode each record without raising, take the drain lock, call the
handler (one database transaction), set aside what cannot be read or handled, acknowledge exactly what was read,
release the lock.

A failure of the world (database or Kafka away, a wrong deploy) has the batch read again after a pause: nothing is
lost and no record is blamed. Any other failure lies in one record or a few: the batch is halved until they are
found. A record is blamed only if it fails alone, twice; where it may be a bug that every record meets, only if
other records of the batch went in. What went in before a search was cut short goes in again: the law of the
projections makes that harmless.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from aiokafka import ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage
from faststream.message import AckStatus

from shared import failures, trace
from shared.clock import Clock
from shared.database import Database
from shared.dead_letters import DeadLetterLimit, DeadLetters, Limit, Poison, Tally
from shared.events import InvalidEvent, Received, UnknownType, decode
from shared.failures import Fault
from shared.log import Record
from shared.settings import Settings
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
BUG_AFTER_ATTEMPTS = 5
"""So often a batch of nothing but failing records is read again before its records are blamed for a bug."""


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """What a handler may use."""

    settings: Settings
    db: Database
    clock: Clock
    metrics: Metrics


Handler = Callable[[list[Received], HandlerContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Declaration:
    topics: tuple[str, ...]
    group: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class _Skipped:
    reason: str


_Item = Received | Poison | _Skipped
_Read = tuple[_Item, Record]


def _clean(record: Record) -> Record:
    """FastStream's parser raises at a header that is null or not UTF-8, and then loses the batch; so it never
    sees ours. The decoder reads the original record."""
    return replace(record, headers=())


def _read(record: Record, trusted: Collection[str]) -> _Item:
    try:
        return decode(record.topic, record.key, record.value, record.headers, trusted)
    except InvalidEvent as error:
        return Poison(record, error.reason)
    except UnknownType:
        return _Skipped("unknown_type")
    except Exception as error:
        # No reader of ours is meant to raise anything else; if one does, it is this record alone that it meets.
        if failures.is_away(error):
            raise
        return Poison(record, f"decode_{type(error).__name__}")


@dataclass
class _Settled:
    """What became of a batch."""

    poison: list[Poison] = field(default_factory=list[Poison])
    tallies: dict[TopicPartition, Tally] = field(default_factory=dict[TopicPartition, Tally])
    stopped: dict[TopicPartition, DeadLetterLimit] = field(default_factory=dict[TopicPartition, DeadLetterLimit])


class _Search:
    """Handles one batch, and finds the records in it that cannot be handled."""

    def __init__(
        self,
        handle: Callable[[list[Received]], Awaitable[None]],
        limit: Limit,
        tallies: Mapping[TopicPartition, Tally],
        *,
        blame_bugs: bool,
    ) -> None:
        self._handle = handle
        self._limit = limit
        self._tallies = tallies
        self._blame_bugs = blame_bugs
        self._went_in = 0
        self._tally = Tally()
        self._poison: list[Poison] = []
        self._bug: Exception | None = None

    async def settle(self, batch: Mapping[TopicPartition, Sequence[_Read]]) -> _Settled:
        """Raises a failure of the world, and a bug that nothing went in beside.

        A partition that is at its limit for what cannot even be read is not handled at all.
        """
        settled = _Settled()
        for partition, reads in batch.items():
            with self._into(settled, partition):
                self._count(reads)
        going = {partition: reads for partition, reads in batch.items() if partition not in settled.stopped}
        if await self._try([read for reads in going.values() for read in reads]) is None:
            return settled
        settled.poison.clear()
        for partition, reads in going.items():
            with self._into(settled, partition):
                await self._halve(reads)
        if self._bug is not None and not self._went_in and not self._blame_bugs:
            raise self._bug
        return settled

    @contextlib.contextmanager
    def _into(self, settled: _Settled, partition: TopicPartition) -> Generator[None]:
        """Count what the block finds in one partition, and keep it unless the limit stops the partition."""
        self._tally, self._poison = self._tallies.get(partition, Tally()), []
        try:
            yield
        except DeadLetterLimit as limit:
            settled.stopped[partition] = limit
            settled.tallies.pop(partition, None)
        else:
            settled.tallies[partition] = self._tally
            settled.poison += self._poison

    async def _try(self, reads: Sequence[_Read]) -> Exception | None:
        """Why the readable records among `reads` do not go in together; None if they did."""
        readable = [item for item, _ in reads if isinstance(item, Received)]
        if readable:
            try:
                await self._handle(readable)
            except Exception as error:
                if failures.fault_of(error) in (Fault.WORLD, Fault.DEPLOY):
                    raise
                return error
        self._went_in += len(readable)
        return None

    async def _halve(self, reads: Sequence[_Read]) -> None:
        error = await self._try(reads)
        if error is None:
            self._count(reads)
        elif len(reads) > 1:
            middle = len(reads) // 2
            await self._halve(reads[:middle])
            await self._halve(reads[middle:])
        elif (again := await self._try(reads)) is None:
            self._count(reads)
        else:
            if failures.fault_of(again) is Fault.UNKNOWN:
                self._bug = again
            self._set_aside(Poison(reads[0][1], failures.reason_of(again)))

    def _count(self, reads: Sequence[_Read]) -> None:
        good = 0
        for item, _ in reads:
            if isinstance(item, Poison):
                self._tally = self._tally.after_good(good)
                good = 0
                self._set_aside(item)
            else:
                good += 1
        self._tally = self._tally.after_good(good)

    def _set_aside(self, poison: Poison) -> None:
        self._tally = self._tally.after(True)
        self._poison.append(poison)
        self._limit.check(self._tally, poison)


def _records(message: KafkaMessage) -> tuple[Record, ...]:
    """The records of a batch. FastStream types a message as if it had one."""
    return cast("tuple[Record, ...]", message.raw_message)


class _Drain(ConsumerRebalanceListener):
    """Lets the batch under way finish and commit before its partitions are given up."""

    def __init__(self, metrics: Metrics, group: str) -> None:
        self.lock = asyncio.Lock()
        self._metrics = metrics
        self._group = group

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] - aiokafka awaits it
        self, revoked: Sequence[TopicPartition]
    ) -> None:
        if revoked:
            self._metrics.rebalances.labels(self._group).inc()
        # One deadline, below the group's rebalance timeout: late is better than never.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REBALANCE_TIMEOUT_MS / 1000 * 0.8), self.lock:
                pass

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride] - aiokafka awaits it
        self, assigned: Sequence[TopicPartition]
    ) -> None:
        pass


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
        self._drain = _Drain(context.metrics, declaration.group)
        settings = context.settings
        self._limit = Limit(settings.dead_letter_limit, settings.dead_letter_per_thousand)
        self._tallies: dict[TopicPartition, Tally] = {}
        self._failures = 0
        self._stops: dict[TopicPartition, int] = {}
        self._in_hand: dict[TopicPartition, int] = {}
        self._moved_at = time.monotonic()
        self._positions: dict[TopicPartition, int] = {}
        self._told: set[TopicPartition] = set()
        context.metrics.know_group(declaration.group)

    def subscribe(self, broker: KafkaBroker) -> None:
        trusted = self._context.settings.trusted_sources

        async def parser(records: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
            # The message that FastStream needs for its bookkeeping; the records are read by the decoder below.
            message = await original((_clean(records[0]),))
            message.raw_message = records
            return message

        async def decoder(message: KafkaMessage) -> list[_Item]:
            return [_read(record, trusted) for record in _records(message)]

        async def consume(items: list[Any], message: KafkaMessage) -> None:
            await self._consume(items, message)

        self.subscriber = broker.subscriber(
            *self.declaration.topics,
            group_id=self.declaration.group,
            batch=True,
            max_records=self._context.settings.batch_max_records,
            batch_timeout_ms=20,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            listener=self._drain,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            parser=parser,
            decoder=decoder,
            include_in_schema=False,
        )
        self.subscriber(consume)

    async def _consume(self, items: list[_Item], message: KafkaMessage) -> None:
        group, metrics = self.declaration.group, self._context.metrics
        records = _records(message)
        batch: dict[TopicPartition, list[_Read]] = {}
        for read in zip(items, records, strict=True):
            batch.setdefault(TopicPartition(read[1].topic, read[1].partition), []).append(read)
        self._in_hand = {partition: reads[0][1].offset for partition, reads in batch.items()}
        try:
            async with self._drain.lock:
                started = time.perf_counter()
                settled = await self._settle(batch)
                await self._acknowledge(message, batch, settled)
        except Exception as error:
            pause = self._failed(error)
            await asyncio.sleep(pause)
            raise
        finally:
            self._in_hand = {}
            self._moved_at = time.monotonic()
        self._failures, self.failing_since = 0, None
        metrics.batch_seconds.labels(group).observe(time.perf_counter() - started)
        metrics.batch_records.labels(group).inc(len(items))
        metrics.event_age.labels(group).observe(max(0.0, time.time() - records[0].timestamp / 1000))

    def _failed(self, error: Exception) -> float:
        """Tells of a batch that failed; returns after how many seconds it may be read again."""
        group = self.declaration.group
        self._failures += 1
        self.failing_since = self.failing_since or time.monotonic()
        self.failure = f"{type(error).__name__}: {error}"
        self._context.metrics.handler_failures.labels(group, type(error).__name__).inc()
        pause = min(MAX_PAUSE_S, 0.5 * 2 ** min(self._failures - 1, 10))
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

    async def _settle(self, batch: Mapping[TopicPartition, Sequence[_Read]]) -> _Settled:
        async def handle(readable: list[Received]) -> None:
            with trace.handling(readable):
                await self.declaration.handler(readable, self._context)

        blame_bugs = self._failures >= BUG_AFTER_ATTEMPTS
        search = _Search(handle, self._limit, self._tallies, blame_bugs=blame_bugs)
        settled = await search.settle(batch)
        if settled.poison:
            await self._dead_letters.set_aside(self.declaration.group, settled.poison)
        return settled

    async def _acknowledge(
        self, message: KafkaMessage, batch: Mapping[TopicPartition, Sequence[_Read]], settled: _Settled
    ) -> None:
        """Commit exactly what was read, but for partitions that stop here; only then do the counts go on."""
        client = self.subscriber.consumer
        mine = client.assignment()
        done = {
            partition: reads[-1][1].offset + 1
            for partition, reads in batch.items()
            if partition in mine and partition not in settled.stopped
        }
        if done:
            await client.commit(done)
        message.committed = AckStatus.ACKED
        self._tallies |= settled.tallies
        group, metrics = self.declaration.group, self._context.metrics
        for partition in done:
            self._stops.pop(partition, None)
            self.stopped.pop(partition, None)
        for partition, reads in batch.items():
            if partition in settled.stopped:
                if partition in mine:
                    self._stop_reading(partition, reads[0][1].offset, settled.stopped[partition])
                continue
            for item, _ in reads:
                if isinstance(item, _Skipped):
                    metrics.events_skipped.labels(group, item.reason).inc()
        metrics.stopped_partitions.labels(group).set(len(self.stopped))

    def _stop_reading(self, partition: TopicPartition, offset: int, limit: DeadLetterLimit) -> None:
        """Leave the partition where it is, and look again after a pause; the other partitions go on."""
        client, group = self.subscriber.consumer, self.declaration.group
        client.seek(partition, offset)
        client.pause(partition)
        self.stopped[partition] = str(limit)
        times = self._stops[partition] = self._stops.get(partition, 0) + 1
        again_in_s = min(MAX_PAUSE_S, 0.5 * 2 ** min(times - 1, 10))
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
            if partition in self._told:
                self._told.discard(partition)
                labels = (group, partition.topic, str(partition.partition))
                metrics.consumer_lag.remove(*labels)
                metrics.held_records.remove(*labels)
        metrics.stopped_partitions.labels(group).set(len(self.stopped))

    async def sample(self) -> None:
        """Lag for each partition, and whether this consumer moves while it has something to read.

        Lag is what may be read and is not committed yet: up to the last stable offset, because what lies behind
        an open transaction may not be read by anyone. That is told apart, as records held.
        """
        client = self.subscriber.consumer if self.subscriber is not None else None
        if client is None:
            return
        group, metrics = self.declaration.group, self._context.metrics
        assigned: set[TopicPartition] = client.assignment()
        self._forget(self._told - assigned)
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
            lag = max(0, end - min(position, self._in_hand.get(partition, position)))
            labels = (group, partition.topic, str(partition.partition))
            self._told.add(partition)
            metrics.consumer_lag.labels(*labels).set(lag)
            metrics.held_records.labels(*labels).set(max(0, high - end))
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
