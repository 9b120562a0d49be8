"""Reads topics of Hadir with aiokafka. Settings come from the environment: docs/subscribe.md."""

import asyncio
import os
import signal
import ssl

from aiokafka import AIOKafkaConsumer
from state import State

TOPICS = os.environ.get("HADIR_TOPICS", "coverage.changed.v1,record.disowned.v1").split(",")


def settings():
    given = {"bootstrap_servers": os.environ["HADIR_KAFKA_BOOTSTRAP"]}
    if user := os.environ.get("HADIR_KAFKA_USERNAME"):
        given |= {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": os.environ["HADIR_KAFKA_PASSWORD"],
            # Without a file: the authorities that this machine trusts.
            "ssl_context": ssl.create_default_context(cafile=os.environ.get("HADIR_KAFKA_CA_FILE")),
        }
    return given


async def follow():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    state = State("state.json", os.environ.get("HADIR_KAFKA_USERNAME", "example"))
    state.save()  # the group's name is kept before anything is committed in it
    consumer = AIOKafkaConsumer(
        *TOPICS, **settings(), group_id=state.group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        while True:
            batches = await consumer.getmany(timeout_ms=1000, max_records=500)
            for records in batches.values():
                for record in records:
                    key = record.key.decode() if record.key else ""
                    state.take(record.topic, key, record.value, dict(record.headers))
            if batches:
                state.save()
                # Exactly what was taken in: a commit without offsets may wait for ever in this client.
                await consumer.commit({part: records[-1].offset + 1 for part, records in batches.items()})
    finally:
        await consumer.stop()


try:
    asyncio.run(follow())
except (KeyboardInterrupt, asyncio.CancelledError):
    pass
