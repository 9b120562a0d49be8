"""A writer and a reader that go on through all that is done to a cluster, and what became of each record."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.drills.nodes import DrillFailed
from shared.log import reading

ANSWER_S = 10
"""So long a record waits for its acknowledgement, as with the relay of a service (which waits 15 s)."""
STOP_S = 5
KEYS = 60


class Writer:
    """Writes numbers to a topic, one after the other, each once: what was refused is not sent again."""

    def __init__(self, servers: Callable[[], str], topic: str) -> None:
        self.acknowledged: list[int] = []
        self.failures: list[str] = []
        """Why records, or a producer's first word with the cluster, had no answer. Some of those records may be in
        the log all the same."""
        self.begun = 0
        """The number that is on its way, or was last."""
        self._servers = servers
        self._topic = topic

    async def run(self) -> None:
        """Until cancelled. After each failure with a new producer, as the relay does."""
        numbers = count(1)
        while True:
            # Idempotent, so that what the client itself sends again stands in the log once.
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers(), enable_idempotence=True, request_timeout_ms=ANSWER_S * 1000
            )
            try:
                async with asyncio.timeout(ANSWER_S):  # it asks for an id, without an end where nobody gives one
                    await producer.start()
                while True:
                    await self._send(producer, next(numbers))
            except (KafkaError, TimeoutError) as error:
                self.failures.append(type(error).__name__)
                await asyncio.sleep(0.2)
            finally:
                await _stopped(producer)

    async def _send(self, producer: AIOKafkaProducer, number: int) -> None:
        self.begun = number
        sent = await producer.send(self._topic, str(number).encode(), str(number % KEYS).encode())
        async with asyncio.timeout(ANSWER_S):  # the client itself tries again for as long as it lives
            await sent
        self.acknowledged.append(number)
        await asyncio.sleep(0.005)


class Reader:
    """A consumer group that commits what it has read, as a service does."""

    def __init__(self, servers: Callable[[], str], topic: str) -> None:
        self.read: Counter[int] = Counter()
        self._servers = servers
        self._topic = topic

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            consumer = AIOKafkaConsumer(
                self._topic,
                bootstrap_servers=self._servers(),
                group_id="drill",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                session_timeout_ms=6000,
                heartbeat_interval_ms=1500,
                isolation_level="read_committed",
            )
            try:
                await consumer.start()
                while True:
                    batches = await consumer.getmany(timeout_ms=500)
                    for records in batches.values():
                        self.read.update(int(record.value or b"0") for record in records)
                    if batches:
                        await consumer.commit({at: found[-1].offset + 1 for at, found in batches.items()})
            except KafkaError:
                await asyncio.sleep(0.2)
            finally:
                await _stopped(consumer)


async def _stopped(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Returns after STOP_S at the latest: it waits for what it holds, without an end where nobody takes it."""
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait({stopping}, timeout=STOP_S)
    stopping.cancel()


@asynccontextmanager
async def running(*parts: Writer | Reader) -> AsyncGenerator[None]:
    """They run while the block does; raises what one of them ended by."""
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def whole(servers: str, topic: str) -> Counter[int]:
    """The numbers of the topic, from its beginning to its end of now, and how often each stands there."""
    found: Counter[int] = Counter()
    async with reading({"bootstrap_servers": servers}, [topic]) as log:
        async for records in log.upto(await log.ends()):
            found.update(int(record.value or b"0") for record in records)
    return found


def judge(acknowledged: Sequence[int], in_log: Counter[int], read: Counter[int]) -> None:
    """Raises DrillFailed where an acknowledged record is lost or doubled, or was passed over by the reader."""
    lost = [number for number in acknowledged if not in_log[number]]
    doubled = [number for number, times in in_log.items() if times > 1]
    unread = [number for number in acknowledged if not read[number]]
    for what, numbers in (("lost", lost), ("in the log twice", doubled), ("never read by the group", unread)):
        if numbers:
            raise DrillFailed(
                f"{len(numbers)} of {len(acknowledged)} acknowledged records are {what}: {numbers[:10]}"
            )
