"""Shows which counters are short of staff, as it changes: an example of reading Hadir's events.

Usage: python read_coverage.py BOOTSTRAP [COUNT]      needs: pip install aiokafka
Stops after COUNT lines, if given. A real consumer would keep `newest` in its database and commit its offsets.
"""

import asyncio
import json
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer

TOPIC = "coverage.changed.v1"


async def follow(bootstrap: str, count: int | None) -> None:
    newest: dict[str, tuple[int, str]] = {}
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async for record in consumer:
            headers = dict(record.headers)
            if headers.get("ce_type") != TOPIC.encode() or record.value is None:
                continue  # a type of the future
            event: dict[str, Any] = json.loads(record.value)
            rank = (event["revision"], headers["ce_id"].decode())
            if rank <= newest.get(event["unit_id"], (-1, "")):
                continue  # a duplicate, or older than what we know
            newest[event["unit_id"]] = rank
            at, required = event["as_of"], event["required"]
            print(f"{at} {event['unit_id']}: {event['status']}, {event['present_low']}/{required}")  # noqa: T201
            if count is not None and (count := count - 1) == 0:
                return
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))
