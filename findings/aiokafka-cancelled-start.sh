#!/usr/bin/env bash
# What: a consumer whose `start()` is cancelled while it joins its group goes on by itself: the join is finished in the
# background and heartbeats are sent, though nobody holds the consumer any more. Only `stop()` ends it.
# Why it matters here: a service that is told to stop while it starts stays a member of its group that reads nothing. Its
# partitions wait for it as long as the process lives; in one process with others, for good. `async with` or
# `wait_for(consumer.start(), ...)` without a `stop()` in a `finally` around it does the same.
# Versions: aiokafka 0.14.0, against the mock cluster of confluent-kafka 2.11.1 (librdkafka), on 127.0.0.1.
# Seen:
#   cancelled and let go: still sends heartbeats
#   cancelled and stopped: sends none
# Needs python3 (venv); installs into a folder of its own and removes it.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv py
py/bin/pip install -q --disable-pip-version-check aiokafka==0.14.0 confluent-kafka==2.11.1

cat >check.py <<'PY'
import asyncio
import contextlib
import gc

from aiokafka import AIOKafkaConsumer
from confluent_kafka import Producer

mock = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
mock.produce("days", b"one")
mock.flush(10)
broker = next(iter(mock.list_topics(timeout=10).brokers.values()))


async def outcome(group: str, *, stop: bool) -> str:
    consumer = AIOKafkaConsumer("days", bootstrap_servers=f"{broker.host}:{broker.port}", group_id=group)
    start = asyncio.create_task(consumer.start())
    await asyncio.sleep(0.5)  # the mock cluster lets a group wait three seconds for more members
    assert not start.done()
    start.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await start
    if stop:
        await consumer.stop()
    del consumer, start
    gc.collect()
    await asyncio.sleep(5)
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
    return "still sends heartbeats" if "GroupCoordinator._heartbeat_routine" in names else "sends none"


print("cancelled and let go:", asyncio.run(outcome("first", stop=False)))
print("cancelled and stopped:", asyncio.run(outcome("second", stop=True)))
PY
py/bin/python check.py 2>errors | tee seen
diff <(printf '%s\n' 'cancelled and let go: still sends heartbeats' 'cancelled and stopped: sends none') seen ||
  { tail -5 errors; exit 1; }
