"""Makes the topics of the contract on a cluster. The broker itself makes none: auto-create is off."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from deploy.kafka import settings
from deploy.kafka.settings import SettingsRefused
from shared.events import TOPICS

_A_DAY_MS = 24 * 3600 * 1000
ERASABLE = {
    # Where tombstones erase, an erasure has a term: what is older than `min.compaction.lag.ms` is compacted, be
    # little of the log new; the segment that it stands in is closed after a day, by a heartbeat if by nothing
    # else (shared/heartbeat.py).
    "max.compaction.lag.ms": str(7 * _A_DAY_MS),
    "segment.ms": str(_A_DAY_MS),
}
DEAD_LETTERS = {
    # They may hold anything, a person's data among it, and no tombstone reaches them: so they have a term. The
    # original is still in its topic. Whole segments go, when their last record is so old: a day more at most.
    "cleanup.policy": "delete",
    "retention.ms": str(30 * _A_DAY_MS),
    "segment.ms": str(_A_DAY_MS),
    # By when they were set aside, which no producer can put into the future. One client tells its readers the
    # producer's time all the same (findings/platformatic-append-time.sh).
    "message.timestamp.type": "LogAppendTime",
    # A copy is larger than its original by the headers that say where and why.
    "max.message.bytes": "4194304",
}


MIN_INSYNC = "min.insync.replicas"


class TopicsFailed(Exception):
    """A topic of the contract could not be made as the table says."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as it must be on the cluster."""

    name: str
    partitions: int
    config: dict[str, str]


def wanted() -> list[Wanted]:
    """The topics of the table, and one for the dead letters of each."""
    topics = [Wanted(t.name, t.partitions, t.config | (ERASABLE if t.tombstones else {})) for t in TOPICS.values()]
    return topics + [Wanted(t.dead_letters, 1, DEAD_LETTERS) for t in TOPICS.values()]


async def create_topics(
    bootstrap: str,
    *,
    replication: int = 1,
    min_insync: int | None = None,
    tell: Callable[[str], None] | None = None,
    **client: Any,
) -> list[str]:
    """Make what is missing, set the configuration of what is there; return the names that were made.

    Only the settings of the table are set, and `min.insync.replicas` where `min_insync` says so: what an operator
    has set beside them stays. `tell` is given a line for each thing that was changed, or differs and was left.

    Raises TopicsFailed, before anything is made or changed, when a topic has another number of partitions than the
    table says: changing that moves keys to other partitions, so a person must decide.
    """
    if min_insync is not None and min_insync > replication:
        raise TopicsFailed(
            f"{min_insync} copies in sync cannot be had of {replication}: raise --replication, or lower it"
        )
    more = {} if min_insync is None else {MIN_INSYNC: str(min_insync)}
    topics = [Wanted(t.name, t.partitions, {**t.config, **more}) for t in wanted()]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **client)
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        missing = [t for t in topics if t.name not in existing]
        kept = {t.name: t for t in topics if t.name in existing}
        lines = await _differences(admin, kept, replication, min_insync)
        made = await _make(admin, missing, replication)
        lines += await _align(admin, kept)
        if tell is not None:
            for line in lines:
                tell(line)
    except SettingsRefused as error:
        raise TopicsFailed(str(error)) from error
    else:
        return made
    finally:
        await admin.close()


async def _differences(
    admin: AIOKafkaAdminClient, topics: Mapping[str, Wanted], replication: int, min_insync: int | None
) -> list[str]:
    """What is not ours to change: refused where a program would break, else said."""
    refused: list[str] = []
    lines: list[str] = []
    for found in await admin.describe_topics(list(topics)) if topics else []:
        topic, partitions = topics[found["topic"]], found["partitions"]
        copies = min((len(p["replicas"]) for p in partitions), default=0)
        if found["error_code"]:
            refused.append(f"{topic.name}: {for_code(found['error_code']).__name__}")
        elif len(partitions) != topic.partitions:
            refused.append(
                f"{topic.name} has {len(partitions)} partitions, the table says {topic.partitions}: "
                "make a new cluster, or change the table"
            )
        elif min_insync is not None and min_insync > copies:
            refused.append(
                f"{topic.name} has {copies} copies, of which {min_insync} cannot be in sync: add copies first"
            )
        elif copies != replication:
            lines.append(f"{topic.name} has {copies} copies, not {replication}: left as it is")
    if refused:
        raise TopicsFailed("\n".join(refused))
    return lines


async def _make(admin: AIOKafkaAdminClient, topics: list[Wanted], replication: int) -> list[str]:
    """Make these; returns those that were not there: a broker learns of topics later than its controller."""
    if not topics:
        return []
    new = [NewTopic(t.name, t.partitions, replication, topic_configs=t.config) for t in topics]
    answer: Any = await admin.create_topics(new)  # its fields are built at run time
    made = list[str]()
    for name, code, *detail in answer.topic_errors:
        error: type[KafkaError] = for_code(code)
        if code == 0:
            made.append(name)
        elif error is not TopicAlreadyExistsError:
            raise TopicsFailed(f"{name}: {error.__name__} {' '.join(str(d) for d in detail if d)}")
    return made


async def _align(admin: AIOKafkaAdminClient, topics: Mapping[str, Wanted]) -> list[str]:
    """Set what differs from the table, and nothing else; returns what was changed."""
    holds = await settings.read(admin, {t.name: t.config for t in topics.values()})
    changes = {
        topic: {name: value for name, value in wanted.config.items() if holds[topic].get(name) != value}
        for topic, wanted in topics.items()
    }
    changes = {topic: changed for topic, changed in changes.items() if changed}
    await settings.change(admin, changes)
    return [
        f"{topic}: {name} was {holds[topic].get(name)}, is {value}"
        for topic, changed in changes.items()
        for name, value in changed.items()
    ]
