"""Reading from Kafka: the one place with subscriber settings, acknowledgement, backoff, drain and dead letters.

The recipe, in this order and nowhere else: read a batch, decode each record without raising, take the drain
lock, set unreadable records aside, call the handler (one database transaction), acknowledge, release the lock.
A handler that raises has its batch read again after a pause; nothing is lost, whatever the reason was.

FastStream's acknowledgement policies are each unsafe as shipped, so acknowledgement here is explicit and
NACK_ON_ERROR only serves to seek back. The pause runs before that seek and outside the drain lock.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from shared.clock import Clock
from shared.database import Database
from shared.events import TOPICS, InvalidEvent, Received, UnknownType, decode
from shared.settings import Settings
from shared.telemetry import Metrics

log = logging.getLogger(__name__)

REBALANCE_TIMEOUT_MS = 60_000
SESSION_TIMEOUT_MS = 30_000
GRACEFUL_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = GRACEFUL_TIMEOUT_S + 5.0
MAX_PAUSE_S = 30.0
STUCK_AFTER_S = 120.0
MAX_DEAD_LETTER_BYTES = 2_000_000


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


class Router:
    """What a service reads, declared beside the functions that read it. Inert until a Bus starts it."""

    def __init__(self) -> None:
        self.declarations: list[Declaration] = []

    def batch(self, *topics: str, group: str) -> Callable[[Handler], Handler]:
        """Declare a batch handler. `group` is `<service>.<handler>`; each handler has a group of its own."""
        unknown = [topic for topic in topics if topic not in TOPICS]
        if unknown:
            raise ValueError(f"not in the table of topics: {', '.join(unknown)}")

        def declare(handler: Handler) -> Handler:
            self.declarations.append(Declaration(topics, group, handler))
            return handler

        return declare


class DeadLetterLimit(Exception):
    """So many unreadable records in a row that it looks like a bad deploy, not like bad records."""


@dataclass(frozen=True, slots=True)
class _Poison:
    record: "ConsumerRecord[Any, Any]"
    reason: str


@dataclass(frozen=True, slots=True)
class _Skipped:
    reason: str


_Item = Received | _Poison | _Skipped


def _clean(record: "ConsumerRecord[Any, Any]") -> "ConsumerRecord[Any, Any]":
    """FastStream's parser raises at a header that is null or not UTF-8, and then loses the batch; so it never
    sees ours. The decoder reads the original record."""
    return replace(record, headers=())


def _read(record: "ConsumerRecord[Any, Any]", trusted: Collection[str]) -> _Item:
    try:
        return decode(record.topic, record.key, record.value, record.headers, trusted)
    except InvalidEvent as error:
        return _Poison(record, error.reason)
    except UnknownType:
        return _Skipped("unknown_type")


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


class _Consumer:
    """One declared handler, with its recipe and its health."""

    def __init__(self, declaration: Declaration, context: HandlerContext, bus: "Bus") -> None:
        self.declaration = declaration
        self.drain = _Drain(context.metrics, declaration.group)
        self.subscriber: Any = None
        self.progressed_at = time.monotonic()
        self.positions: dict[TopicPartition, int] = {}
        self._context = context
        self._bus = bus
        self._failures = 0
        self._unreadable_in_a_row = 0

    def subscribe(self, broker: KafkaBroker) -> None:
        trusted = self._context.settings.trusted_sources

        async def parser(records: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
            # The message that FastStream needs for its bookkeeping; the records are read by the decoder below.
            message = await original((_clean(records[0]),))
            message.raw_message = records
            return message

        async def decoder(message: KafkaMessage) -> list[_Item]:
            return [_read(record, trusted) for record in message.raw_message]  # pyright: ignore[reportGeneralTypeIssues]

        async def consume(items: list, message: KafkaMessage) -> None:  # pyright: ignore[reportMissingTypeArgument]
            await self._consume(items, message)

        self.subscriber = broker.subscriber(
            *self.declaration.topics,
            group_id=self.declaration.group,
            batch=True,
            max_records=self._context.settings.batch_max_records,
            batch_timeout_ms=20,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            listener=self.drain,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            parser=parser,
            decoder=decoder,
            include_in_schema=False,
        )
        self.subscriber(consume)

    async def _consume(self, items: list[_Item], message: KafkaMessage) -> None:
        group, metrics = self.declaration.group, self._context.metrics
        try:
            async with self.drain.lock:
                started = time.perf_counter()
                await self._handle(items)
                await message.ack()
        except Exception as error:
            self._failures += 1
            metrics.handler_failures.labels(group, type(error).__name__).inc()
            pause = min(MAX_PAUSE_S, 0.5 * 2 ** min(self._failures - 1, 10))
            log.warning(
                "a batch failed; it will be read again",
                exc_info=error if self._failures in (1, 10) else None,
                extra={"fields": {"group": group, "failures": self._failures, "again_in_s": pause}},
            )
            await asyncio.sleep(pause)
            raise
        self._failures = 0
        self.progressed_at = time.monotonic()
        metrics.batch_seconds.labels(group).observe(time.perf_counter() - started)
        metrics.batch_records.labels(group).inc(len(items))
        records: tuple[ConsumerRecord[Any, Any], ...] = message.raw_message  # pyright: ignore[reportAssignmentType]
        metrics.event_age.labels(group).observe(max(0.0, time.time() - records[0].timestamp / 1000))

    async def _handle(self, items: list[_Item]) -> None:
        group, metrics = self.declaration.group, self._context.metrics
        readable: list[Received] = []
        poison: list[_Poison] = []
        in_a_row = self._unreadable_in_a_row
        for item in items:
            if isinstance(item, _Poison):
                poison.append(item)
                in_a_row += 1
                if in_a_row >= self._context.settings.dead_letter_limit:
                    metrics.dead_letter_stops.labels(group).inc()
                    raise DeadLetterLimit(
                        f"{in_a_row} unreadable records in a row ({item.reason}) on {item.record.topic}; deploy a "
                        "version that reads them, or raise HADIR_DEAD_LETTER_LIMIT to set them aside"
                    )
                continue
            in_a_row = 0
            if isinstance(item, Received):
                readable.append(item)
            else:
                metrics.events_skipped.labels(group, item.reason).inc()
        if readable:
            await self.declaration.handler(readable, self._context)
        if poison:
            await self._bus.set_aside(group, poison)
        self._unreadable_in_a_row = in_a_row


class Bus:
    """The consumers of one service. Waits for Kafka and for the topics; never takes the process down."""

    def __init__(self, context: HandlerContext, router: Router | None, kafka: dict[str, Any]) -> None:
        self._context = context
        self._kafka = kafka
        self._consumers = [
            _Consumer(declaration, context, self) for declaration in (router.declarations if router else [])
        ]
        self._broker: KafkaBroker | None = None
        self._dead_letters: AIOKafkaProducer | None = None
        self.started = False

    async def run(self) -> None:
        """Until cancelled: start the consumers, trying again while Kafka is away, then sample their lag."""
        try:
            if self._consumers:
                await self._start()
            self.started = True
            while True:
                await self._sample()
                await asyncio.sleep(5)
        finally:
            await self._stop()

    async def _start(self) -> None:
        pause = 0.2
        while True:
            broker = self._make_broker()
            try:
                for consumer in self._consumers:
                    consumer.subscribe(broker)
                await broker.start()
            except Exception as error:
                log.warning(
                    "kafka is not ready; trying again",
                    extra={"fields": {"error": type(error).__name__, "again_in_s": pause}},
                )
                with contextlib.suppress(Exception):
                    await broker.stop()
                await asyncio.sleep(pause)
                pause = min(10.0, pause * 2)
                continue
            self._broker = broker
            return

    def _make_broker(self) -> KafkaBroker:
        return KafkaBroker(
            self._kafka["bootstrap_servers"],
            client_id=f"hadir-{self._context.settings.service}",
            security=_security(self._context.settings),
            allow_auto_create_topics=False,
            graceful_timeout=GRACEFUL_TIMEOUT_S,
            logger=logging.getLogger("hadir.kafka"),
            log_level=logging.DEBUG,
        )

    async def _stop(self) -> None:
        self.started = False
        broker, self._broker = self._broker, None
        if broker is not None:
            # In a task of its own: a client that never lets go must not keep the process from ending. What it
            # leaves unacknowledged is read again.
            stopping = asyncio.create_task(broker.stop())
            done, _ = await asyncio.wait({stopping}, timeout=STOP_TIMEOUT_S)
            if not done:
                stopping.cancel()
                log.warning("kafka's consumers did not stop in time; left behind")
            elif error := stopping.exception():
                log.warning("kafka's consumers stopped badly", exc_info=error)
        producer, self._dead_letters = self._dead_letters, None
        if producer is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await producer.stop()

    async def set_aside(self, group: str, poison: Sequence[_Poison]) -> None:
        """Copy records, byte for byte, to the dead letter topic of their topic, with where and why."""
        if self._dead_letters is None:
            producer = AIOKafkaProducer(**self._kafka, acks="all", max_request_size=2 * MAX_DEAD_LETTER_BYTES)
            await producer.start()
            self._dead_letters = producer
        try:
            for letter in poison:
                record = letter.record
                headers: list[tuple[str, Any]] = [*record.headers]  # a null stays a null
                headers += [
                    ("hadir_reason", letter.reason.encode()),
                    ("hadir_group", group.encode()),
                    ("hadir_topic", record.topic.encode()),
                    ("hadir_partition", str(record.partition).encode()),
                    ("hadir_offset", str(record.offset).encode()),
                ]
                value = record.value
                if value is not None and len(value) > MAX_DEAD_LETTER_BYTES:
                    # Compressed it was small enough for its topic. The whole of it stays there, at its offset.
                    headers.append(("hadir_truncated_bytes", str(len(value)).encode()))
                    value = value[:MAX_DEAD_LETTER_BYTES]
                await self._dead_letters.send_and_wait(
                    TOPICS[record.topic].dead_letters, value, key=record.key, headers=headers
                )
                self._context.metrics.dead_letters.labels(group, letter.reason).inc()
                log.error(
                    "a record was set aside",
                    extra={
                        "fields": {
                            "group": group,
                            "topic": record.topic,
                            "partition": record.partition,
                            "offset": record.offset,
                            "reason": letter.reason,
                        }
                    },
                )
        except BaseException:
            producer, self._dead_letters = self._dead_letters, None
            with contextlib.suppress(Exception):
                await producer.stop()
            raise

    async def _sample(self) -> None:
        """Lag for each partition, and whether each consumer moves while it has something to read."""
        for consumer in self._consumers:
            client = consumer.subscriber.consumer if consumer.subscriber is not None else None
            if client is None:
                continue
            group = consumer.declaration.group
            behind = False
            for partition in client.assignment():
                try:
                    async with asyncio.timeout(2):
                        position = await client.position(partition)
                except Exception:
                    log.debug("no position yet", extra={"fields": {"group": group}})
                    continue
                lag = max(0, (client.highwater(partition) or 0) - position)
                self._context.metrics.consumer_lag.labels(group, partition.topic, str(partition.partition)).set(
                    lag
                )
                behind = behind or lag > 0
                if consumer.positions.get(partition) != position:
                    consumer.positions[partition] = position
                    consumer.progressed_at = time.monotonic()
            if not behind:
                consumer.progressed_at = time.monotonic()

    def stuck(self) -> list[str]:
        """Groups that have had something to read and have not moved for two minutes: restart the process."""
        return [
            consumer.declaration.group
            for consumer in self._consumers
            if self.started and time.monotonic() - consumer.progressed_at > STUCK_AFTER_S
        ]

    def not_ready(self) -> list[str]:
        """Groups that have no partitions yet; empty when every consumer is at work."""
        return [
            consumer.declaration.group
            for consumer in self._consumers
            if not self.started
            or consumer.subscriber is None
            or consumer.subscriber.consumer is None
            or not consumer.subscriber.running
        ]


def _security(settings: Settings) -> Any:
    if settings.kafka_security_protocol == "PLAINTEXT":
        return None
    from faststream.security import SASLScram512

    return SASLScram512(
        username=settings.kafka_username or "",
        password=settings.kafka_password or "",
        use_ssl=settings.kafka_security_protocol == "SASL_SSL",
    )


def client_arguments(settings: Settings) -> dict[str, Any]:
    """The connection arguments of a plain aiokafka client."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "client_id": f"hadir-{settings.service}",
    }
    if settings.kafka_security_protocol != "PLAINTEXT":
        import ssl

        arguments |= {
            "security_protocol": settings.kafka_security_protocol,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password,
        }
        if settings.kafka_security_protocol == "SASL_SSL":
            arguments["ssl_context"] = ssl.create_default_context()
    return arguments
