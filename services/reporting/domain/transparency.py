"""Which records are kept under a Merkle tree, and by what name each tree goes.

Every topic that keeps its records for ever has a tree for each partition. Outside stand the people of the
directory, whose topic is compacted so that an erasure erases, and the checkpoints themselves: each binds all that
those before it did.
"""

from shared.events import TOPICS, Topic

CHECKPOINTS = "log.checkpoint.v1"


def under_trees() -> tuple[Topic, ...]:
    """The topics whose records are kept under trees, as the contract lists them."""
    return tuple(
        topic
        for topic in TOPICS.values()
        if topic.config.get("cleanup.policy") == "delete" and topic.name != CHECKPOINTS
    )


def log_name(topic: str, partition: int) -> str:
    """`topic/partition`: what a tree is called here, and the key of its checkpoints."""
    return f"{topic}/{partition}"


def origin_of(city: str, log: str) -> str:
    """The first line of a checkpoint, and the name of the key that signs it (C2SP tlog-checkpoint)."""
    return f"{city}/{log}"
