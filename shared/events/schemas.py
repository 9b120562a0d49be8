"""The golden JSON Schemas, the AsyncAPI document and the table of topics in `docs/events/`: run this module to
write them; a test compares them."""

import json
from pathlib import Path
from typing import Any

from shared.events import asyncapi
from shared.events.envelope import SCHEMA_PREFIX
from shared.events.topics import TOPICS

FOLDER = Path(__file__).parents[2] / "docs" / "events"


def schema(topic: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a topic's value, in words that strict validators know."""
    entry = TOPICS[topic]
    body = entry.event.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA_PREFIX}{topic}",
        "title": topic,
        "description": entry.event.description,
        **{name: part for name, part in body.items() if name not in {"title", "description"}},
    }


def places() -> dict[str, dict[str, Any]]:
    """Where each topic stands: what the schema of its value cannot say, and what is promised with it."""
    return {
        name: {
            "key": topic.key,
            "owner": topic.owner,
            "audience": topic.audience,
            "partitions": topic.partitions,
            "config": topic.config,
            "tombstones": topic.tombstones,
            "fact": list(topic.event.fact),
        }
        for name, topic in TOPICS.items()
    }


def text(topic: str) -> str:
    """The schema file of a topic, byte for byte."""
    return _file(schema(topic))


def places_text() -> str:
    """The file `topics.json`, byte for byte."""
    return _file(places())


def asyncapi_text(installation: asyncapi.Installation | None = None) -> str:
    """The file `asyncapi.json`, or what an installation says of itself, byte for byte."""
    return asyncapi.text({topic: schema(topic) for topic in TOPICS}, installation)


def table_of_topics() -> str:
    """The table of topics in README.md."""
    rows = [
        f"| [`{name}`]({name}.json) | `{topic.key}` | {topic.audience} | {topic.owner} | {topic.event.description}"
        f" | {topic.event.trigger} |"
        for name, topic in TOPICS.items()
    ]
    head = ["| topic | key | audience | published by | says | when |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def readme_text() -> str:
    """README.md with the table of topics of now."""
    before, rest = (FOLDER / "README.md").read_text(encoding="utf-8").split("| topic |", 1)
    _, after = rest.split("\n\n", 1)
    return f"{before}{table_of_topics()}\n\n{after}"


def _file(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for topic in TOPICS:
        (FOLDER / f"{topic}.json").write_text(text(topic), encoding="utf-8")
    (FOLDER / "topics.json").write_text(places_text(), encoding="utf-8")
    (FOLDER / "README.md").write_text(readme_text(), encoding="utf-8")
    (FOLDER / "asyncapi.json").write_text(asyncapi_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
