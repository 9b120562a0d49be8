"""The projector against the least that anyone could do: aiokafka `getmany` and pydantic, and nothing else.

`projector_vs_raw` compares events a second through Kafka, decoding and committed facts with reading and
validating the same records from the same topic.
"""

import asyncio
import gc
import json
import random
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bench.builds import Build
from bench.harness import Phases, console, machine
from shared.events import AttendanceRecorded, encode, source_of

EVENTS = 100_000
TOPIC = AttendanceRecorded.topic


async def fill(bootstrap: str, events: int) -> None:
    """`events` check-ins of 24,000 people over several work dates, keyed and enveloped as the service does."""
    from aiokafka import AIOKafkaProducer

    source = random.Random(7)
    people = [uuid.UUID(int=source.getrandbits(128), version=4) for _ in range(24_000)]
    start = datetime(2025, 11, 3, 0, 30, tzinfo=UTC)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20, max_batch_size=512 * 1024)
    await producer.start()
    try:
        sent: list[Any] = []
        for number in range(events):
            day, rank = divmod(number, 48_000)
            at = start + timedelta(days=day, seconds=source.uniform(-3600, 3600))
            event = AttendanceRecorded(
                punch_id=uuid.UUID(int=source.getrandbits(128), version=4),
                employee_id=people[rank % 24_000],
                opd_code=f"OPD{rank % 44:02}",
                unit_id=f"UNIT{rank % 300:03}",
                work_date=at.date(),
                kind="in" if rank < 24_000 else "out",
                at=at,
                received_at=at,
                device_at=at,
                zone="office",
                source="app",
            )
            message = encode(
                event,
                id=uuid.UUID(int=source.getrandbits(128), version=4),
                time=at,
                source=source_of("attendance"),
            )
            sent.append(await producer.send(TOPIC, message.value, key=message.key, headers=message.headers))
            if len(sent) == 10_000:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def raw(bootstrap: str, events: int) -> float:
    """Events a second of `getmany` and `model_validate_json`."""
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=bootstrap, group_id=f"bench.raw.{uuid.uuid4()}", auto_offset_reset="earliest"
    )
    await consumer.start()
    seen, started = 0, 0.0
    while seen < events:
        batches = await consumer.getmany(timeout_ms=1000, max_records=2000)
        if batches and not started:
            started = time.perf_counter()
        for records in batches.values():
            for record in records:
                AttendanceRecorded.model_validate_json(record.value or b"")
            seen += len(records)
    elapsed = time.perf_counter() - started
    await consumer.stop()
    return events / elapsed


async def projector(bootstrap: str, url: str, events: int) -> float:
    """Events a second until the last fact is committed, by the reporting service's own consumer."""
    from services.reporting.handlers import router as declared
    from shared.bus import Bus, HandlerContext, Router, client_arguments
    from shared.clock import SystemClock
    from shared.database import Database
    from shared.settings import Settings
    from shared.telemetry import Metrics

    settings = Settings(
        service="reporting", database_url=url, kafka_bootstrap=bootstrap, token_public_key_file=Path("unused")
    )
    db, metrics = Database(url), Metrics("reporting")
    async with db.transaction() as tx:
        await tx.connection.execute("truncate fact_punch, touched")
    started, done, seen = 0.0, asyncio.Event(), 0
    router = Router()
    for declaration in declared.declarations:

        async def counted(batch: Any, context: HandlerContext, handler: Any = declaration.handler) -> None:
            nonlocal started, seen
            started = started or time.perf_counter()
            await handler(batch, context)
            seen += len(batch)
            if seen >= events:
                done.set()

        router.declarations.append(replace(declaration, group=f"bench.{uuid.uuid4()}", handler=counted))
    bus = Bus(HandlerContext(settings, db, SystemClock(), metrics), router, client_arguments(settings))
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    running = asyncio.create_task(bus.run())
    await done.wait()
    elapsed = time.perf_counter() - started
    async with db.read() as tx:
        kept = await tx.connection.fetchval("select count(*) from fact_punch")
    if kept != events:
        raise RuntimeError(f"{kept} facts of {events} events")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await db.close()
    return events / elapsed


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """One topic for all builds, a database for each."""
    async with machine() as here:
        urls = {build.name: await here.database(f"bench_reporting_{build.name}") for build in builds}
        for build in builds:
            await build.migrate(urls[build.name], "reporting")
        console.print(f"  writing {EVENTS:,} events")
        await fill(here.kafka, EVENTS)

        async def turn(build: Build) -> dict[str, float]:
            async def one(kind: str) -> float:
                answer = await build.child(
                    "-m", "bench.projector", kind, here.kafka, urls[build.name], str(EVENTS)
                )
                return float(answer["events_per_s"])

            yardstick, projected = await one("raw"), await one("projector")
            return {
                "raw_events_per_s": yardstick,
                "projector_events_per_s": projected,
                "projector_vs_raw": projected / yardstick,
            }

        yield {build.name: [partial(turn, build)] for build in builds}


def main() -> None:
    import uvloop

    kind, bootstrap, url, events = sys.argv[1:]
    work = raw(bootstrap, int(events)) if kind == "raw" else projector(bootstrap, url, int(events))
    print(json.dumps({"events_per_s": uvloop.run(work)}))


if __name__ == "__main__":
    main()
