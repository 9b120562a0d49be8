#!/usr/bin/env bash
# What: a consumer without a group that is stopped directly after its start raises CancelledError out of `stop()`, though
# nobody cancelled anything. One turn of the event loop in between is enough for it to stop in good order.
# Why it matters here: whoever opens a log, finds that there is nothing to read and closes it again looks like a cancelled
# task: `except Exception` does not see it, and the program ends as if it had been told to.
# Versions: aiokafka 0.14.0, against the mock cluster of confluent-kafka 2.11.1 (librdkafka), on 127.0.0.1.
# Seen:
#   stopped at once: CancelledError
#   stopped a turn later: no error
# Needs python3 (venv); installs into a folder of its own and removes it.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv py
py/bin/pip install -q --disable-pip-version-check aiokafka==0.14.0 confluent-kafka==2.11.1

cat >check.py <<'PY'
import asyncio

from aiokafka import AIOKafkaConsumer
from confluent_kafka import Producer

mock = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
broker = next(iter(mock.list_topics(timeout=10).brokers.values()))


async def outcome(turns: int) -> str:
    consumer = AIOKafkaConsumer(bootstrap_servers=f"{broker.host}:{broker.port}", group_id=None)
    await consumer.start()
    for _ in range(turns):
        await asyncio.sleep(0)
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        return "CancelledError"
    return "no error"


print("stopped at once:", asyncio.run(outcome(0)))
print("stopped a turn later:", asyncio.run(outcome(1)))
PY
py/bin/python check.py 2>errors | tee seen
diff <(printf '%s\n' 'stopped at once: CancelledError' 'stopped a turn later: no error') seen || { tail -5 errors; exit 1; }
