"""What is promised of each topic, in words worked out from its declaration: for the catalogue and its page."""

from shared.events.topics import Topic

DAY_MS = 24 * 3600 * 1000

AT_LEAST_ONCE = (
    "Each event comes at least once, and may come again: the same one always has the same `ce_id`, and to "
    "take it again changes nothing."
)


def promises(topic: Topic) -> dict[str, str]:
    """By its name, each thing that a reader of the topic may rely on."""
    return {
        "delivery": AT_LEAST_ONCE,
        "order": f"All records of one `{topic.key}` are in one partition, in the order in which they were "
        "published. Between keys, and between topics, there is none.",
        "revisions": _revisions(topic),
        "erasure": _ERASURE[topic.audience],
        "growth": "Within v1 fields are only added, and none of them is required.",
    }


def _revisions(topic: Topic) -> str:
    fact = ", ".join(f"`{name}`" for name in topic.event.fact)
    match topic.revisions:
        case "newest":
            return f"One fact for each ({fact}): the record with the greatest (`revision`, `ce_id`) holds."
        case "every":
            return f"One fact for each ({fact}), every revision; of two records of one, the greater `ce_id` holds."
        case "none" if not fact:
            return "Each record stands by itself, known by its `ce_id`."
        case "none":
            return f"One fact for each ({fact}), said once; of two records of one, the greater `ce_id` holds."


_ERASURE = {
    "public": "There is no personal data in it, so nothing is ever erased.",
    "internal": "It knows a person by `employee_id` alone. A tombstone on `directory.employee.v1` erases that "
    "person: forget whatever ties the id to somebody.",
    "restricted": "A tombstone (a record without a value) erases the person of its key: forget all that was kept "
    "of them. Compaction then takes their earlier records out of the log.",
}


def retention(topic: Topic) -> str:
    """How long records are kept, in words and in the figures of Kafka's settings."""
    config = topic.config
    if config["cleanup.policy"] == "delete":
        return _figures("Every record, for ever", config, "retention.ms")
    lag, erased = (int(config[name]) // DAY_MS for name in ("min.compaction.lag.ms", "delete.retention.ms"))
    words = (
        f"The newest record of each key, for ever; an older one may go {lag} days after it was written, and a "
        f"tombstone after {erased // 366} years"
    )
    return _figures(words, config, "cleanup.policy", "min.compaction.lag.ms", "delete.retention.ms")


def _figures(words: str, config: dict[str, str], *names: str) -> str:
    return f"{words} ({', '.join(f'`{name}={config[name]}`' for name in names)})."
