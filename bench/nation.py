"""Kafka with the keys of a nation: 514 cities and regencies, 5.6 million staff, 3,700 check-ins a second.

First by arithmetic over every key: how evenly the keys fall on 12 to 768 partitions, by person and, for
comparison, by city. Then on the real embedded broker, at its small heap: what many partitions cost it in
memory, open files and time, and how long a consumer group takes to share them out anew. Sizes of the cities are
drawn (log-normal), not real; only their number and sum are.
"""

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import murmur2
from numpy.typing import NDArray
from rich.table import Table

from bench.harness import Figures, console, machine

CITIES = 514
STAFF = 5_600_000
PEAK_PER_S = 3_700.0
PARTITIONS = (12, 48, 96, 192, 384, 768)
RECORDS = 60_000
RECORD_BYTES = 640
"""About what one attendance event takes in the log; `make bench ONLY=storage` measures it."""

Keys = NDArray[np.uint8]


def cities(draw: np.random.Generator) -> NDArray[np.int64]:
    """Staff of each city: from some 2,000 to some 60,000, STAFF in all."""
    weights = draw.lognormal(0.0, 0.55, CITIES)
    sizes = np.floor(weights * STAFF / weights.sum()).astype(np.int64)
    sizes[0] += STAFF - int(sizes.sum())
    return sizes


def person_keys(draw: np.random.Generator, number: int) -> Keys:
    """Employee ids as they are keys: 36 characters of a random UUID, one row each."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    keys = digits[draw.integers(0, 16, (number, 36))]
    keys[:, [8, 13, 18, 23]] = ord("-")
    keys[:, 14] = ord("4")
    keys[:, 19] = np.frombuffer(b"89ab", np.uint8)[draw.integers(0, 4, number)]
    return keys


def hashes(keys: Keys) -> NDArray[np.uint32]:
    """Kafka's murmur2 of each row, whose length is a multiple of four."""
    multiplier = np.uint32(0x5BD1E995)
    words = np.ascontiguousarray(keys).view("<u4")
    found = np.full(len(keys), np.uint32(0x9747B28C ^ keys.shape[1]), np.uint32)
    for column in range(words.shape[1]):
        word = words[:, column] * multiplier
        word ^= word >> np.uint32(24)
        found = found * multiplier ^ word * multiplier
    found ^= found >> np.uint32(13)
    found *= multiplier
    found ^= found >> np.uint32(15)
    return found & np.uint32(0x7FFFFFFF)


def spread(figures: Figures) -> None:
    """The heaviest partition against the mean, and its rate at the peak."""
    draw = np.random.default_rng(17)
    sizes = cities(draw)
    parts = [hashes(person_keys(draw, int(size))) for size in sizes]
    people = np.concatenate(parts)
    sample = person_keys(draw, 100)
    expected = [murmur2(row.tobytes()) & 0x7FFFFFFF for row in sample]
    if hashes(sample).tolist() != expected:
        raise RuntimeError("the hash here is not Kafka's: nothing below would be true")
    codes = np.array([murmur2(f"{n // 38 + 11}.{n % 38 + 1:02}".encode()) & 0x7FFFFFFF for n in range(CITIES)])
    console.print(
        f"  {CITIES} cities of {sizes.min():,} to {sizes.max():,} staff, median {int(np.median(sizes)):,}"
    )
    title = f"the heaviest of N partitions at {PEAK_PER_S:,.0f} check-ins a second"
    table = Table(
        "partitions", "people each", "by person: max/mean", "rate", "second at its worst", "by city", title=title
    )
    for count in PARTITIONS:
        loads = np.bincount(people % count, minlength=count)
        skew = loads.max() / loads.mean()
        rate = PEAK_PER_S * loads.max() / STAFF
        # Arrivals are independent: the worst second of a minute over all partitions, of a Poisson process.
        worst = draw.poisson(PEAK_PER_S * loads / STAFF, (60, count)).max()
        by_city = np.bincount(codes % count, weights=sizes, minlength=count)
        city_skew = by_city.max() / by_city.mean()
        people_each = f"{STAFF / count:,.0f}"
        table.add_row(str(count), people_each, f"{skew:.3f}", f"{rate:.1f}/s", f"{worst}", f"{city_skew:.2f}")
        figures.add(f"nation_skew_{count}", [float(skew)])
        figures.add(f"nation_skew_by_city_{count}", [float(city_skew)])
        figures.add(f"nation_heaviest_{count}_per_s", [float(rate)])
    console.print(table)


class _Shared(ConsumerRebalanceListener):
    """Notes when partitions were given."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[tuple[float, int]] = asyncio.Queue()

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Nothing is given back that matters here."""

    def on_partitions_assigned(self, assigned: Any) -> None:
        self.given.put_nowait((time.perf_counter(), len(assigned)))


async def _group(bootstrap: str, topic: str) -> tuple[AIOKafkaConsumer, _Shared]:
    consumer, listener = (
        AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=f"bench.{topic}", auto_offset_reset="earliest"),
        _Shared(),
    )
    consumer.subscribe([topic], listener=listener)
    await consumer.start()
    return consumer, listener


async def _shared_out(listeners: Sequence[_Shared], partitions: int) -> float:
    """When all partitions are given to someone."""
    while True:
        given = [await one.given.get() for one in listeners]
        if sum(count for _, count in given) == partitions:
            return max(at for at, _ in given)


async def _broker(figures: Figures, bootstrap: str, pid: int, partitions: int) -> tuple[str, ...]:
    topic = f"nation-{partitions}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    started = time.perf_counter()
    await admin.create_topics([NewTopic(topic, partitions, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)
    await producer.start()
    # Until every partition takes records: each has its leader only some time after the topic is there.
    await asyncio.gather(*[await producer.send(topic, b"ready", partition=one) for one in range(partitions)])
    created = time.perf_counter() - started
    value = os.urandom(RECORD_BYTES)
    started, sent = time.perf_counter(), list[Any]()
    for _ in range(RECORDS):
        sent.append(await producer.send(topic, value, key=str(uuid.uuid4()).encode()))
        if len(sent) == 5_000:
            await asyncio.gather(*sent)
            sent.clear()
    await asyncio.gather(*sent)
    produced = RECORDS / (time.perf_counter() - started)
    await producer.stop()

    first, first_shared = await _group(bootstrap, topic)
    await _shared_out([first_shared], partitions)
    started, seen = time.perf_counter(), 0
    while seen < RECORDS + partitions:
        batches = await first.getmany(timeout_ms=1000, max_records=5_000)
        seen += sum(len(records) for records in batches.values())
    consumed = RECORDS / (time.perf_counter() - started)
    # A second member joins while the first goes on reading.
    reading = asyncio.create_task(_read_on(first))
    started = time.perf_counter()
    second, second_shared = await _group(bootstrap, topic)
    rebalanced = await _shared_out([first_shared, second_shared], partitions) - started
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await second.stop()
    await first.stop()

    broker = psutil.Process(pid)
    files = await asyncio.to_thread(lambda: len(list(Path(f"/proc/{pid}/fd").iterdir())))
    memory = broker.memory_info().rss / 2**20
    maps = await asyncio.to_thread(lambda: Path(f"/proc/{pid}/maps").read_text().count("\n"))
    for name, value_of in (
        (f"nation_create_{partitions}_s", created),
        (f"nation_produce_{partitions}_per_s", produced),
        (f"nation_consume_{partitions}_per_s", consumed),
        (f"nation_rebalance_{partitions}_s", rebalanced),
        (f"nation_broker_{partitions}_mib", memory),
        (f"nation_broker_open_files_{partitions}", float(files)),
    ):
        figures.add(name, [value_of])
    return (
        str(partitions), f"{created:.2f} s", f"{produced:,.0f}/s", f"{consumed:,.0f}/s", f"{rebalanced:.2f} s",
        f"{memory:.0f} MiB", f"{files:,}", f"{maps:,}",
    )  # fmt: skip


async def _read_on(consumer: AIOKafkaConsumer) -> None:
    while True:
        await consumer.getmany(timeout_ms=200)


def _broker_of(folder: Path) -> int:
    """The pid of the broker whose files are there."""
    return next(
        process.pid
        for process in psutil.process_iter()
        if process.name() == "java" and str(folder) in " ".join(process.cmdline())
    )


async def measure(figures: Figures) -> None:
    await asyncio.to_thread(spread, figures)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of each leader that is not there yet
    table = Table("partitions", "created", "produced", "consumed", "shared anew", "broker", "open files", "maps")
    async with machine() as here:
        pid = await asyncio.to_thread(_broker_of, here.folder)
        for partitions in PARTITIONS:  # one after the other on one broker: its memory and files add up
            table.add_row(*await _broker(figures, here.kafka, pid, partitions))
    total = sum(PARTITIONS)
    console.print(table, f"  ({total:,} partitions on the broker in the end)")
