"""Reading from Kafka: what a service declares that it reads, and the consumers that do it.

How a batch is read, handled and acknowledged is said in `shared.consumer`, once.
FastStream's acknowledgement policies are each unsafe as shipped: it reads, and is left with none of them.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.security import SASLScram512

from shared import failures, set_aside
from shared.consumer import AT_ONCE, Consumer
from shared.dead_letters import DeadLetters
from shared.events import TOPICS
from shared.failures import Fault
from shared.handling import Declaration, Handler, HandlerContext
from shared.settings import KafkaSettings
from shared.stopping import FOR_THE_DATABASE_S, Stopping
from shared.tasks import Health

log = logging.getLogger(__name__)

FOR_LEAVING_S = 2.0
"""What a batch under way leaves of the time for goodbyes: to the group, and to the producer of dead letters."""

SAMPLE_S = 5.0

__all__ = ["AT_ONCE", "Bus", "Handler", "HandlerContext", "Router", "client_arguments"]


class Router:
    """What a service reads, declared beside the functions that read it. Inert until a Bus starts it."""

    def __init__(self) -> None:
        self.declarations: list[Declaration] = []

    def batch(self, *topics: str, group: str, at_once: int = 1) -> Callable[[Handler], Handler]:
        """Declare a batch handler. `group` is `<service>.<handler>`; each handler has a group of its own.

        at_once: so many batches may be handled at the same time, if what they do is the same in any order. One
        that tells somebody of what changed needs them one after another.
        """
        unknown = [topic for topic in topics if topic not in TOPICS]
        if unknown:
            raise ValueError(f"not in the table of topics: {', '.join(unknown)}")

        def declare(handler: Handler) -> Handler:
            self.declarations.append(Declaration(topics, group, handler, at_once))
            return handler

        return declare


class Bus:
    """The consumers of one service. Waits for Kafka and for the topics; never takes the process down."""

    def __init__(
        self,
        context: HandlerContext,
        router: Router | None,
        kafka: dict[str, Any],
        health: Health | None = None,
        stopping: Stopping | None = None,
    ) -> None:
        self._context = context
        self._kafka = kafka
        self._health = health or Health("bus", context.metrics)
        self._stopping = stopping or Stopping()
        self._dead_letters = DeadLetters(kafka, context.db, context.metrics)
        self._consumers = [
            Consumer(declaration, context, self._dead_letters)
            for declaration in (router.declarations if router else [])
        ]
        self._broker: KafkaBroker | None = None
        self.started = False

    async def run(self) -> None:
        """Until cancelled: start the consumers, trying again while Kafka is away, then sample their lag."""
        try:
            if self._consumers:
                await self._start()
            self.started = True
            while True:
                for consumer in self._consumers:
                    await consumer.sample()
                await self._count_dead_letters()
                self._judge()
                await asyncio.sleep(SAMPLE_S)
        finally:
            await self._stop()

    async def _start(self) -> None:
        pause = 0.2
        while True:
            # Known before it starts: a start that is cancelled halfway has joined its groups, and must leave.
            broker = self._broker = self._make_broker()
            try:
                for consumer in self._consumers:
                    consumer.subscribe(broker)
                await broker.start()
            except Exception as error:
                self._health.failed(error)
                log.warning(
                    "kafka is not ready; trying again",
                    extra={
                        "sparing": "bus",
                        "fields": {"failure": f"{type(error).__name__}: {error}", "again_in_s": pause},
                    },
                )
                with contextlib.suppress(Exception):
                    await broker.stop()
                await asyncio.sleep(pause)
                pause = min(10.0, pause * 2)
            else:
                return

    def _make_broker(self) -> KafkaBroker:
        return KafkaBroker(
            self._kafka["bootstrap_servers"],
            client_id=f"hadir-{self._context.settings.service}",
            security=_security(self._context.settings),
            allow_auto_create_topics=False,
            logger=logging.getLogger("hadir.kafka"),
            log_level=logging.DEBUG,
        )

    async def _stop(self) -> None:
        self.started = False
        broker, self._broker = self._broker, None
        if broker is not None:
            # In a task of its own: a client that never lets go must not keep the process from ending. What it
            # leaves unacknowledged is read again.
            left = self._stopping.left(keep=FOR_THE_DATABASE_S)
            in_hand_s = max(0.0, left - FOR_LEAVING_S)
            await asyncio.gather(*(consumer.close(within_s=in_hand_s) for consumer in self._consumers))
            left = self._stopping.left(keep=FOR_THE_DATABASE_S)
            broker.config.broker_config.graceful_timeout = max(0.0, left - FOR_LEAVING_S)
            stopping = asyncio.create_task(broker.stop())
            done, _ = await asyncio.wait({stopping}, timeout=max(0.0, left - FOR_LEAVING_S / 2))
            if not done:
                stopping.cancel()
                log.warning("kafka's consumers did not stop in time; left behind")
            elif error := stopping.exception():
                log.warning("kafka's consumers stopped badly", exc_info=error)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self._stopping.left(keep=FOR_THE_DATABASE_S)):
                await self._dead_letters.stop()

    def _judge(self) -> None:
        """The bus fails while one of its consumers does."""
        failing = [consumer for consumer in self._consumers if consumer.failing_since is not None]
        if failing:
            first = min(failing, key=lambda consumer: consumer.failing_since or 0)
            self._health.fails(first.failing_since or 0, f"{first.declaration.group}: {first.failure}")
        else:
            self._health.worked()

    async def _count_dead_letters(self) -> None:
        """How many of each group wait for somebody."""
        if not self._consumers:
            return
        try:
            async with self._context.db.read() as tx:
                waiting = await set_aside.waiting(tx)
        except Exception as error:
            if failures.fault_of(error) not in (Fault.WORLD, Fault.DEPLOY):
                raise
            return
        for consumer in self._consumers:
            group = consumer.declaration.group
            self._context.metrics.dead_letters_waiting.labels(group).set(waiting.get(group, 0))

    def stuck(self) -> list[str]:
        """Groups that have had something to read and have not moved for two minutes: restart the process."""
        return [consumer.declaration.group for consumer in self._consumers if self.started and consumer.stuck]

    def stopped(self) -> list[str]:
        """Partitions that are not read on because of their dead letters, with what to do."""
        return [
            f"consumer {consumer.declaration.group} has stopped: {told}"
            for consumer in self._consumers
            for told in consumer.stopped.values()
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


def _tls(settings: KafkaSettings) -> ssl.SSLContext | None:
    """What the broker's certificate is checked with: the city's own authority if given, else the machine's."""
    if settings.kafka_security_protocol != "SASL_SSL":
        return None
    return ssl.create_default_context(cafile=settings.kafka_ca_file)


def _security(settings: KafkaSettings) -> Any:
    if settings.kafka_security_protocol == "PLAINTEXT":
        return None
    tls = _tls(settings)
    return SASLScram512(
        username=settings.kafka_username or "",
        password=settings.kafka_password or "",
        ssl_context=tls,
        use_ssl=tls is not None,
    )


def client_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """The connection arguments of a plain aiokafka client."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "client_id": f"hadir-{settings.service}",
    }
    if settings.kafka_security_protocol != "PLAINTEXT":
        arguments |= {
            "security_protocol": settings.kafka_security_protocol,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password,
        }
        if (tls := _tls(settings)) is not None:
            arguments["ssl_context"] = tls
    return arguments
