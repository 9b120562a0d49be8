"""The golden JSON Schemas and the AsyncAPI document in `docs/events/`: run this module to write them; a test
compares them."""

import json
from pathlib import Path
from typing import Any

from shared.events import asyncapi
from shared.events.envelope import SCHEMA_PREFIX
from shared.events.topics import TOPICS

FOLDER = Path(__file__).parents[2] / "docs" / "events"


def schema(topic: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a topic's value, with its place in the contract as `x-` fields."""
    entry = TOPICS[topic]
    body = entry.event.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA_PREFIX}{topic}",
        "title": topic,
        "description": entry.event.description,
        "x-key": entry.key,
        "x-owner": entry.owner,
        "x-audience": entry.audience,
        "x-partitions": entry.partitions,
        "x-topic-config": entry.config,
        **{name: part for name, part in body.items() if name not in {"title", "description"}},
    }


def text(topic: str) -> str:
    """The schema file of a topic, byte for byte."""
    return json.dumps(schema(topic), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for topic in TOPICS:
        (FOLDER / f"{topic}.json").write_text(text(topic), encoding="utf-8")
    (FOLDER / "asyncapi.json").write_text(asyncapi.text(), encoding="utf-8")


if __name__ == "__main__":
    main()
