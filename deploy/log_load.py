"""The log of an empty cluster made again from an export: each record in its partition, in its order, with its
time.

Offsets are those of the export where that has no gaps (of compaction, and of markers of transactions); no reader
of ours relies on them.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from deploy.log_export import records_of
from services.reporting.domain.transparency import LogName
from shared.events import EmployeeChanged
from shared.log import reading

Progress = Callable[[int, int], None]

_UNDER_WAY = 64
"""So many batches are sent and not acknowledged yet."""


class NotEmpty(Exception):
    """The cluster has records already; the text says where."""


async def load(
    client: Mapping[str, Any],
    source: Path,
    topics: Collection[str],
    *,
    before_ms: int | None = None,
    without: Collection[str] = (),
    progress: Progress = lambda _done, _all: None,
) -> tuple[int, int]:
    """Write the records of an export into its topics; returns how many, and how many were left out.

    Left out are records that Kafka has from `before_ms` or later, those of topics that are not among `topics`, and
    what the directory says of the people `without` (employee_ids), but for their tombstones. Raises NotEmpty,
    NoExport.
    """
    await _refuse_records(client, topics)
    erased = {employee.encode() for employee in without}
    people = {EmployeeChanged.topic, f"{EmployeeChanged.topic}.dead"}
    filling: dict[LogName, BatchBuilder] = {}
    done = Counter[bool]()
    producer = AIOKafkaProducer(
        **client, acks="all", linger_ms=0, max_batch_size=256 * 1024, max_request_size=2**23
    )
    await producer.start()
    try:
        sent = _Sent(producer)
        for log, timestamp, key, value, headers in records_of(source):
            taken = (
                (before_ms is None or timestamp < before_ms)
                and log.topic in topics
                and not (log.topic in people and key in erased and value is not None)
                and (
                    key is not None or value is not None
                )  # aiokafka can write no such record; no reader takes one
            )
            done[taken] += 1
            if not taken:
                continue
            if log not in filling:
                filling[log] = producer.create_batch()
            written: Any = {"timestamp": timestamp, "key": key, "value": value, "headers": [*headers]}
            if filling[log].append(**written) is None:
                await sent.send(log, filling[log])
                filling[log] = producer.create_batch()
                filling[log].append(**written)  # a batch takes one record of any size
            if done[True] % 10_000 == 0:
                progress(done[True], 0)
        for log, batch in filling.items():
            await sent.send(log, batch)
        await sent.all()
    finally:
        await producer.stop()
    progress(done[True], done[True])
    return done[True], done[False]


class _Sent:
    """What is under way. A producer keeps the order of a partition's batches by itself."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._under_way: set[asyncio.Future[Any]] = set()

    async def send(self, log: LogName, batch: BatchBuilder) -> None:
        self._under_way.add(await self._producer.send_batch(batch, log.topic, partition=log.partition))
        if len(self._under_way) >= _UNDER_WAY:
            ended, self._under_way = await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.gather(*ended)

    async def all(self) -> None:
        await asyncio.gather(*self._under_way)


async def _refuse_records(client: Mapping[str, Any], topics: Collection[str]) -> None:
    async with reading(client, sorted(topics), uncommitted=True, rewound=False) as log:
        if not log.partitions:
            raise NotEmpty("the topics are not there: make them first with `hadir create-topics`")
        ends = await log.ends()
    held = sorted(str(LogName(one.topic, one.partition)) for one, end in ends.items() if end)
    if held:
        raise NotEmpty(
            f"{held[0]} has records already, and so have {len(held) - 1} more partitions: a log is made again on "
            "an empty cluster only"
        )
