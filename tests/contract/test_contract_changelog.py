"""The changelog of the contract names each field that a schema has got since it was released."""

import json
import re
from typing import Any

import pytest

from shared.events import TOPICS, schemas

RELEASED = schemas.FOLDER / "released" / "v1"
Schema = dict[str, Any]


def fields(schema: Schema) -> set[str]:
    """Every field of a value, nested ones with their path."""

    def walk(node: Schema, path: str) -> set[str]:
        if "$ref" in node:
            return walk(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], path)
        found: set[str] = set()
        for name, inner in node.get("properties", {}).items():
            whole = f"{path}.{name}" if path else name
            found |= {whole} | walk(inner, whole)
        for choice in [*([node["items"]] if "items" in node else []), *node.get("anyOf", [])]:
            found |= walk(choice, path)
        return found

    return walk(schema, "")


def added(topic: str) -> set[str]:
    released = json.loads((RELEASED / f"{topic}.json").read_text(encoding="utf-8"))
    return fields(schemas.schema(topic)) - fields(released)


def told(topic: str, changelog: str) -> set[str]:
    """What the line of a topic, under what is not released yet, names in code."""
    section = changelog.split("## Not released yet", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(rf"^- `{re.escape(topic)}`:(.*(?:\n  .*)*)", section, re.MULTILINE)
    return {name for line in lines for name in re.findall(r"`([^`]+)`", line)}


@pytest.mark.parametrize("topic", TOPICS)
def test_what_a_schema_has_got_since_its_release_is_told_and_nothing_else(topic: str) -> None:
    changelog = (schemas.FOLDER / "CHANGELOG.md").read_text(encoding="utf-8")
    assert told(topic, changelog) == added(topic), f"write in docs/events/CHANGELOG.md what {topic} has got"


def test_a_field_that_is_not_told_and_one_that_is_not_there_are_seen() -> None:
    changelog = "## Not released yet\n\n- `a.v1`: `one`, so;\n  `two.three`.\n\n## v1\n\n- `a.v1`: `old`.\n"
    assert told("a.v1", changelog) == {"one", "two.three"}
    assert told("b.v1", changelog) == set()
    assert "items.task_code" in added("report.submitted.v1")
