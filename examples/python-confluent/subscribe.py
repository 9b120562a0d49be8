"""Reads topics of Hadir with confluent-kafka. Settings come from the environment: docs/subscribe.md."""

import os
import signal

from confluent_kafka import Consumer, KafkaException, TopicPartition
from state import State

TOPICS = os.environ.get("HADIR_TOPICS", "coverage.changed.v1,record.disowned.v1").split(",")


def settings():
    given = {"bootstrap.servers": os.environ["HADIR_KAFKA_BOOTSTRAP"]}
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


def follow():
    state = State("state.json", os.environ.get("HADIR_KAFKA_USERNAME", "example"))
    state.save()  # the group's name is kept before anything is committed in it
    own = {"group.id": state.group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer(settings() | own)
    consumer.subscribe(TOPICS)
    try:
        while True:
            ends = {}
            for message in consumer.consume(num_messages=500, timeout=1.0):
                if error := message.error():
                    if error.fatal() or not error.retriable():
                        raise KafkaException(error)
                    continue  # librdkafka tries again by itself
                key = (message.key() or b"").decode()
                state.take(message.topic(), key, message.value(), dict(message.headers() or []))
                ends[message.topic(), message.partition()] = message.offset() + 1
            if ends:
                state.save()
                consumer.commit(
                    offsets=[TopicPartition(*part, end) for part, end in ends.items()], asynchronous=False
                )
    finally:
        consumer.close()


signal.signal(signal.SIGTERM, signal.default_int_handler)
try:
    follow()
except KeyboardInterrupt:
    pass
