"""Heartbeats: a record for each partition of a compacted topic, so that an erasure has a term.

Kafka compacts no segment that is still written to, and begins the next one only when a record comes: without other
traffic what a tombstone erases would stay for ever. A heartbeat is a null under a key of its own for each
partition, of a type of its own, which readers pass over as any type that they do not know; to one who takes every
null for an erasure it is the erasure of somebody who never was.
"""

import datetime as dt
from itertools import count
from uuid import NAMESPACE_URL, uuid4, uuid5

from aiokafka.partitioner import murmur2

from shared.events import HEARTBEAT, TOPICS
from shared.events.topics import Topic
from shared.outbox import Outgoing


def compacted(owner: str) -> list[Topic]:
    """The topics of a service that keep the newest record of each key."""
    return [topic for topic in TOPICS.values() if topic.owner == owner and topic.tombstones]


def keys(partitions: int) -> list[str]:
    """One key for each partition, in their order, always the same: ids that are nobody's, by Kafka's own hash."""
    found: dict[int, str] = {}
    for number in count():
        key = str(uuid5(NAMESPACE_URL, f"urn:hadir:heartbeat:{number}"))
        found.setdefault((murmur2(key.encode()) & 0x7FFFFFFF) % partitions, key)
        if len(found) == partitions:
            return [found[partition] for partition in range(partitions)]
    raise AssertionError  # count() has no end


def of(topic: Topic, now: dt.datetime) -> list[Outgoing]:
    """A heartbeat for each partition of the topic, at this business time."""
    beating = keys(topic.partitions)
    return [Outgoing(None, uuid4(), now, topic=topic.name, key=key, type=HEARTBEAT) for key in beating]
