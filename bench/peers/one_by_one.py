"""FastStream as its tutorial has it: a subscriber that takes one record, and one transaction for each.

Arguments: bootstrap servers, database URL, topic, records. The table has the keys of the facts and nothing of
their rules; `on conflict do nothing` makes it safe to read a record twice. Prints events a second.
"""

import asyncio
import json
import sys
import time
import uuid

import asyncpg
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.events import AttendanceRecorded

TABLE = """
create table if not exists one_by_one
  (punch_id uuid primary key, employee_id uuid, work_date date, kind text, at timestamptz)
"""


async def run(bootstrap: str, url: str, topic: str, wanted: int) -> float:
    pool: asyncpg.Pool = await asyncpg.create_pool(url, min_size=1, max_size=4)
    await pool.execute(TABLE)
    await pool.execute("truncate one_by_one")
    broker = KafkaBroker(bootstrap, logger=None)
    seen, started, done = 0, 0.0, asyncio.Event()

    @broker.subscriber(
        topic,
        group_id=f"bench.one.{uuid.uuid4()}",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def keep(punch: AttendanceRecorded) -> None:
        nonlocal seen, started
        started = started or time.perf_counter()
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "insert into one_by_one values ($1, $2, $3, $4, $5) on conflict do nothing",
                punch.punch_id,
                punch.employee_id,
                punch.work_date,
                punch.kind,
                punch.at,
            )
        seen += 1
        if seen == wanted:
            done.set()

    async with broker:
        await broker.start()
        await done.wait()
        elapsed = time.perf_counter() - started
    await pool.close()
    return wanted / elapsed


def main() -> None:
    import uvloop

    bootstrap, url, topic, wanted = sys.argv[1:]
    print(json.dumps({"events_per_s": uvloop.run(run(bootstrap, url, topic, int(wanted)))}))


if __name__ == "__main__":
    main()
