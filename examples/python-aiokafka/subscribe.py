"""Reads topics of Hadir with aiokafka. Settings come from the environment: docs/subscribe.md."""

import asyncio
import logging
import os
import signal
import ssl
import sys

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)
from state import State

KAFKA = os.environ.get("HADIR_KAFKA_BOOTSTRAP") or sys.exit("HADIR_KAFKA_BOOTSTRAP is not set: docs/subscribe.md")
TOPICS = os.environ.get("HADIR_TOPICS", "coverage.changed.v1,record.disowned.v1").split(",")
NEEDS_SOMEBODY = {
    SaslAuthenticationFailed: "ask the operators for a new password, or whether you are revoked",
    ssl.SSLCertVerificationError: "HADIR_KAFKA_CA_FILE has to be the file that the operators gave you",
    TopicAuthorizationFailedError: "ask the operators whether your user may read it and whether there is such a"
    " topic, or leave it out of HADIR_TOPICS",
    GroupAuthorizationFailedError: "ask the operators whether you are revoked; is state.json of another user,"
    " delete it",
}


class Log(logging.Handler):
    """Why it has no connection aiokafka says in its log alone, and tries again."""

    refusal = None

    def __init__(self, task):
        super().__init__(logging.WARNING)
        self.task = task

    def emit(self, record):
        print(record.getMessage(), file=sys.stderr, flush=True)
        for word in record.args or ():
            if type(word) in NEEDS_SOMEBODY:
                self.refusal = word
                self.task.cancel()


def settings():
    given = {"bootstrap_servers": KAFKA}
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


async def follow(state):
    consumer = AIOKafkaConsumer(
        *TOPICS, **settings(), group_id=state.group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        await consumer.start()
        while True:
            batches = await consumer.getmany(timeout_ms=1000, max_records=500)
            for records in batches.values():
                for record in records:
                    key = record.key.decode() if record.key else ""
                    state.take(record.topic, key, record.value, dict(record.headers))
            if batches:
                state.save()
                try:
                    # Exactly what was taken in: a commit without offsets may wait for ever in this client.
                    await consumer.commit({part: records[-1].offset + 1 for part, records in batches.items()})
                except KafkaError as error:
                    if type(error) in NEEDS_SOMEBODY:
                        raise
                    print(f"not committed, to be read again: {error}", file=sys.stderr, flush=True)
    finally:
        await consumer.stop()


async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    logging.getLogger("aiokafka").addHandler(log := Log(asyncio.current_task()))
    state = State("state.json", os.environ.get("HADIR_KAFKA_USERNAME", "example"))
    state.save()  # the group's name is kept before anything is committed in it
    try:
        while True:
            try:
                await follow(state)
            except KafkaConnectionError:
                await asyncio.sleep(5)
    except (*NEEDS_SOMEBODY, asyncio.CancelledError) as ended:
        if refusal := log.refusal or (type(ended) in NEEDS_SOMEBODY and ended):
            sys.exit(f"refused: {refusal}: {NEEDS_SOMEBODY[type(refusal)]}")


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
