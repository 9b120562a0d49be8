"""Reads topics of Hadir with confluent-kafka. Settings come from the environment: docs/subscribe.md."""

import os
import signal
import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from state import State

KAFKA = os.environ.get("HADIR_KAFKA_BOOTSTRAP") or sys.exit("HADIR_KAFKA_BOOTSTRAP is not set: docs/subscribe.md")
TOPICS = os.environ.get("HADIR_TOPICS", "coverage.changed.v1,record.disowned.v1").split(",")
NEEDS_SOMEBODY = {
    KafkaError._AUTHENTICATION: "ask the operators for a new password, or whether you are revoked",
    KafkaError._SSL: "HADIR_KAFKA_CA_FILE has to be the file that the operators gave you",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "ask the operators whether your user may read it and whether there is"
    " such a topic, or leave it out of HADIR_TOPICS",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "ask the operators whether you are revoked; is state.json of another"
    " user, delete it",
}


def settings():
    given = {"bootstrap.servers": KAFKA}
    if user := os.environ.get("HADIR_KAFKA_USERNAME"):
        given |= {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": os.environ["HADIR_KAFKA_PASSWORD"],
        }
        if authority := os.environ.get("HADIR_KAFKA_CA_FILE"):  # else: those that this machine trusts
            given["ssl.ca.location"] = authority
    return given


def tell(error, topic=""):
    """Tells of an error, and ends where only somebody can mend it; librdkafka tries again by itself."""
    passes = error.code() == KafkaError._SSL and "certificate verify failed" not in error.str()
    if error.code() in NEEDS_SOMEBODY and not passes:
        sys.exit(f"refused: {topic} {error.str()}: {NEEDS_SOMEBODY[error.code()]}")
    if error.fatal():
        raise KafkaException(error)
    print(error.str(), file=sys.stderr, flush=True)


def follow():
    stopped, heard = [], {}
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(True))
    state = State("state.json", os.environ.get("HADIR_KAFKA_USERNAME", "example"))
    state.save()  # the group's name is kept before anything is committed in it
    own = {"group.id": state.group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    # Why there is no connection, twenty times a second, so not logged. Nothing may be raised in a callback.
    own |= {"error_cb": lambda error: heard.update({error.code(): error}), "log_level": 2}
    consumer = Consumer(settings() | own)
    consumer.subscribe(TOPICS)
    try:
        while not stopped:
            ends = {}
            messages = consumer.consume(num_messages=500, timeout=1.0)
            while heard:
                tell(heard.popitem()[1])
            for message in messages:
                if error := message.error():
                    tell(error, message.topic())
                    continue
                key = (message.key() or b"").decode()
                state.take(message.topic(), key, message.value(), dict(message.headers() or []))
                ends[message.topic(), message.partition()] = message.offset() + 1
            if ends:
                state.save()
                try:
                    consumer.commit(
                        offsets=[TopicPartition(*part, end) for part, end in ends.items()], asynchronous=False
                    )
                except KafkaException as error:  # to be read again
                    tell(error.args[0])
    finally:
        consumer.close()


follow()
