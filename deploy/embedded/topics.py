"""Makes the topics of the contract on a cluster. The broker itself makes none: auto-create is off."""

from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.events import TOPICS

# A copy is larger than its original by the headers that say where and why.
DEAD_LETTERS = {"cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": "4194304"}


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
    topics = [Wanted(t.name, t.partitions, t.config) for t in TOPICS.values()]
    return topics + [Wanted(t.dead_letters, 1, DEAD_LETTERS) for t in TOPICS.values()]


async def create_topics(bootstrap: str, *, replication: int = 1, **client: Any) -> list[str]:
    """Make what is missing, set the configuration of what is there; return the names that were made.

    Raises TopicsFailed when a topic has another number of partitions than the table says: changing that moves
    keys to other partitions, so a person must decide.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **client)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [t for t in wanted() if t.name not in existing]
        kept = [t for t in wanted() if t.name in existing]
        await _make(admin, missing, replication)
        await _align(admin, kept)
        return [t.name for t in missing]
    finally:
        await admin.close()


async def _make(admin: AIOKafkaAdminClient, topics: list[Wanted], replication: int) -> None:
    if not topics:
        return
    new = [NewTopic(t.name, t.partitions, replication, topic_configs=t.config) for t in topics]
    answer = await admin.create_topics(new)
    errors: list[tuple[Any, ...]] = answer.topic_errors  # pyright: ignore[reportAttributeAccessIssue] - built at run time
    for name, code, *detail in errors:
        error: type[KafkaError] = for_code(code)
        if code != 0 and error is not TopicAlreadyExistsError:
            raise TopicsFailed(f"{name}: {error.__name__} {' '.join(str(d) for d in detail if d)}")


async def _align(admin: AIOKafkaAdminClient, topics: list[Wanted]) -> None:
    if not topics:
        return
    by_name = {t.name: t for t in topics}
    for found in await admin.describe_topics(list(by_name)):
        topic = by_name[found["topic"]]
        if len(found["partitions"]) != topic.partitions:
            raise TopicsFailed(
                f"{topic.name} has {len(found['partitions'])} partitions, the table says {topic.partitions}: "
                "make a new cluster, or change the table"
            )
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, t.name, t.config) for t in topics])
