"""Writes records of the demonstration to Kafka at full speed, by an idempotent producer.

Without transactions: a record that is written again changes nothing, and a marker at the end of a partition would
look as if something were still to be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from demo.records import Record

BATCH_BYTES = 512 * 1024
"""Before compression; the broker takes 1 MB of it."""
IN_A_ROW = 5_000
"""So many records are drawn before the producer gets its turn."""

_hash_of = lru_cache(maxsize=200_000)(murmur2)


class Writer:
    """An open producer. Made by `writing`."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._partitions: dict[str, int] = {}
        self.records = 0
        """So many have been written."""

    async def write(self, records: Iterable[Record]) -> None:
        """Returns when Kafka has acknowledged all of them. Raises KafkaError."""
        filling: dict[tuple[str, int], BatchBuilder] = {}
        sent: list[asyncio.Future[Any]] = []
        try:
            for count, record in enumerate(records, start=1):
                where = record.topic, await self._partition(record)
                batch = filling.get(where)
                if batch is None or not _put(batch, record):
                    if batch is not None:
                        sent.append(await self._send(where, batch))
                    filling[where] = batch = self._producer.create_batch()
                    _put(batch, record)
                self.records += 1
                if count % IN_A_ROW == 0:
                    await asyncio.sleep(0)
            sent += [await self._send(where, batch) for where, batch in filling.items()]
        finally:
            results = await asyncio.gather(*sent, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _send(self, where: tuple[str, int], batch: BatchBuilder) -> asyncio.Future[Any]:
        return await self._producer.send_batch(batch, where[0], partition=where[1])

    async def _partition(self, record: Record) -> int:
        """Kafka's own choice for the key, so that a person's records lie together with those of the services."""
        if record.topic not in self._partitions:
            self._partitions[record.topic] = len(await self._producer.partitions_for(record.topic))
        return (_hash_of(record.key) & 0x7FFFFFFF) % self._partitions[record.topic]


def _put(batch: BatchBuilder, record: Record) -> bool:
    """Whether the batch still had place for it."""
    put = batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
    return put is not None


@asynccontextmanager
async def writing(bootstrap: str) -> AsyncGenerator[Writer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, compression_type="lz4", max_batch_size=BATCH_BYTES
    )
    await producer.start()
    try:
        yield Writer(producer)
    finally:
        await producer.stop()
