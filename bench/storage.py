"""Bytes on disk: an attendance event in Kafka's log, a fact and a person-day in PostgreSQL with their indexes.

Measured on what `bench/projector.py` writes: 100,000 check-ins of 24,000 people. A relation's bytes are all
that it takes, indexes and free space included, over its rows.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg

from bench.builds import Build
from bench.harness import Phases, console, machine
from bench.intake import check_ins, directory, key_pair, serving
from bench.load import run
from bench.projector import EVENTS, TOPIC, fill

CHECK_INS = 4_000
FACTS = ("fact_punch", "person_day", "published_day", "counter_day")


async def _bytes_per_row(url: str, tables: Sequence[str]) -> dict[str, float]:
    """Of each table that has rows; a partitioned one with all its partitions."""
    connection: asyncpg.Connection = await asyncpg.connect(url)
    taken: dict[str, float] = {}
    try:
        for table in tables:
            if await connection.fetchval("select to_regclass($1)", table) is None:
                continue
            rows = await connection.fetchval(f'select count(*) from "{table}"')  # noqa: S608 - a name from above
            size = await connection.fetchval(
                """
                select coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size($1::regclass))
                from pg_partition_tree($1::regclass)
                """,
                table,
            )
            if rows:
                taken[f"{table}_bytes"] = float(size) / rows
    finally:
        await connection.close()
    return taken


def _log_bytes(folder: Path, topic: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.log") if path.parent.name.startswith(f"{topic}-"))


@asynccontextmanager
async def prepared(builds: Sequence[Build]) -> AsyncGenerator[Phases, None]:
    """Each build's facts of the same topic, and its own table of punches."""
    async with machine() as here:
        key = key_pair(here.folder)
        console.print(f"  writing {EVENTS:,} events")
        await fill(here.kafka, EVENTS)
        kafka_bytes = _log_bytes(here.folder, TOPIC) / EVENTS

        async def turn(build: Build) -> dict[str, float]:
            reporting = await here.database(f"bench_storage_reporting_{build.name}")
            await build.migrate(reporting, "reporting")
            await build.child("-m", "bench.projector", "projector", here.kafka, reporting, str(EVENTS))
            attendance = await here.database(f"bench_storage_attendance_{build.name}")
            await build.migrate(attendance, "attendance")
            people = await directory(attendance)
            requests = check_ins(key, people, CHECK_INS)
            async with serving(build, "services.attendance", here, attendance) as port:
                await run("127.0.0.1", port, requests)
            return {
                "kafka_attendance_bytes": kafka_bytes,
                "checkin_request_bytes": sum(map(len, requests)) / len(requests),
                **await _bytes_per_row(reporting, FACTS),
                **await _bytes_per_row(attendance, ("punch",)),
            }

        yield {build.name: [partial(turn, build)] for build in builds}
