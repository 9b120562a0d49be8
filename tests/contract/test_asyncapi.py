"""The catalogue stands by itself, is taken by the parser of the AsyncAPI initiative, and says what is so."""

import copy
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from deploy.kafka import access
from shared import heartbeat
from shared.events import HEARTBEAT, TOPICS, UnknownType, decode, schemas, source_of
from shared.events.asyncapi import Installation
from shared.events.base import SERVICES
from tests.kit.npm import npm_home

HOME = Path(__file__).with_name("asyncapi")
Json = dict[str, Any]


def document() -> Json:
    return json.loads(schemas.asyncapi_text())


def parsed(asked: Json) -> Json:
    """What the parser says: version, channels, and each diagnostic, those of the lightest severity too."""
    run = subprocess.run(
        ["node", "-e", (HOME / "check.js").read_text(encoding="utf-8")],
        cwd=npm_home(HOME),
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_the_parser_of_asyncapi_has_nothing_to_say_against_it() -> None:
    said = parsed(document())
    assert said == {"version": "3.1.0", "channels": list(TOPICS), "diagnostics": []}


def test_the_parser_sees_what_is_wrong() -> None:
    wrong = document()
    wrong["operations"]["reporting.send.coverage.changed.v1"]["channel"]["$ref"] = "#/channels/nothing"
    assert "invalid-ref" in {diagnostic["code"] for diagnostic in parsed(wrong)["diagnostics"]}


def nodes(node: object) -> Iterator[Json]:
    """Every object in a document."""
    if isinstance(node, dict):
        members = cast("Json", node)
        yield members
        for inner in members.values():
            yield from nodes(inner)
    elif isinstance(node, list):
        for inner in cast("list[object]", node):
            yield from nodes(inner)


def test_every_reference_leads_to_a_place_in_the_document_itself() -> None:
    whole = document()
    references = {node["$ref"] for node in nodes(whole) if isinstance(node.get("$ref"), str)}
    assert len(references) > len(TOPICS)
    for reference in references:
        assert reference.startswith("#/"), reference
        found: Any = whole
        for part in reference[2:].split("/"):
            found = found[part]


@pytest.mark.parametrize("topic", TOPICS)
def test_the_example_of_a_topic_is_valid_and_can_be_read(topic: str) -> None:
    message = document()["components"]["messages"][topic]
    (example,) = message["examples"]
    jsonschema.validate(
        example["payload"],
        schemas.schema(topic),
        cls=jsonschema.Draft202012Validator,
        format_checker=jsonschema.FormatChecker(["uuid", "date"]),
    )
    headers = [(name, value.encode()) for name, value in example["headers"].items()]
    key = example["headers"]["ce_subject"]
    assert decode(topic, key.encode(), json.dumps(example["payload"]).encode(), headers).key == key
    jsonschema.validate(key, message["bindings"]["kafka"]["key"], cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("topic", TOPICS)
def test_the_payload_is_the_schema_of_the_topic(topic: str) -> None:
    whole = document()
    payload = whole["components"]["messages"][topic]["payload"]
    inlined = json.loads(json.dumps(payload).replace("#/components/schemas/", "#/$defs/"))
    schema = schemas.schema(topic)
    parts = schema.pop("$defs", {})
    assert inlined == {name: part for name, part in schema.items() if name not in ("$schema", "$id")}
    for name, part in parts.items():
        assert whole["components"]["schemas"][name] == json.loads(
            json.dumps(part).replace("#/$defs/", "#/components/schemas/")
        )


def test_what_is_said_of_a_topic_is_whole() -> None:
    for name, channel in document()["channels"].items():
        topic = TOPICS[name]
        assert channel["x-owner"] == topic.owner
        assert channel["x-key"] == topic.key
        assert channel["x-audience"] == topic.audience
        assert channel["x-trigger"] == topic.event.trigger
        assert channel["x-configuration"] == topic.config
        assert set(channel["x-promises"]) == {"delivery", "order", "revisions", "erasure", "growth"}
        assert f"retention.ms={topic.config['retention.ms']}" in channel["x-retention"] or topic.tombstones
        others = {"tombstone", "heartbeat"} if topic.tombstones else set[str]()
        assert set(channel["messages"]) == {"event", *others}


@pytest.mark.parametrize("topic", [name for name, topic in TOPICS.items() if topic.tombstones])
def test_a_heartbeat_is_described_as_it_comes(topic: str) -> None:
    message = document()["components"]["messages"][f"{topic}.heartbeat"]
    (example,) = message["examples"]
    headers = example["headers"]
    (fixed,) = [part["properties"] for part in message["headers"]["allOf"] if "properties" in part]
    assert {name: said["const"] for name, said in fixed.items()} == {
        "ce_type": HEARTBEAT,
        "ce_source": source_of(TOPICS[topic].owner),
    }
    assert headers["ce_subject"] in heartbeat.keys(TOPICS[topic].partitions)
    jsonschema.validate(example["payload"], message["payload"], cls=jsonschema.Draft202012Validator)
    with pytest.raises(UnknownType, match=HEARTBEAT):
        decode(
            topic, headers["ce_subject"].encode(), None, [(name, text.encode()) for name, text in headers.items()]
        )


@pytest.mark.parametrize("topic", TOPICS)
def test_a_fact_is_named_by_fields_that_every_value_has(topic: str) -> None:
    required = schemas.schema(topic)["required"]
    assert set(TOPICS[topic].event.fact) <= set(required)


def test_the_operations_are_what_the_services_do() -> None:
    """Who handles a topic is declared with it, because the contract knows no service; here it is compared."""
    handled = {
        (service, name)
        for service in SERVICES
        for declaration in access.declared(service).declarations
        for name in declaration.topics
    }
    said = {
        (
            operation["tags"][0]["name"],
            operation["action"],
            operation["channel"]["$ref"].removeprefix("#/channels/"),
        )
        for operation in document()["operations"].values()
    }
    sends = {(topic.owner, "send", name) for name, topic in TOPICS.items()}
    assert said == sends | {(service, "receive", name) for service, name in handled}


def test_the_servers_are_those_of_the_installation() -> None:
    here = Installation("https://hadir.contoh.go.id", "127.0.0.1:9092", inside_asks=False, outside=None)
    alone = json.loads(schemas.asyncapi_text(here))
    assert {name: server["host"] for name, server in alone["servers"].items()} == {"inside": "127.0.0.1:9092"}
    assert "security" not in alone["servers"]["inside"]
    whole = document()
    assert whole["servers"]["inside"]["protocol"] == "kafka"
    assert whole["servers"]["outside"]["protocol"] == "kafka-secure"
    (security,) = whole["servers"]["outside"]["security"]
    assert security == {"$ref": "#/components/securitySchemes/scram"}
    assert whole["components"]["securitySchemes"]["scram"]["type"] == "scramSha512"


def test_two_parts_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = copy.deepcopy(schemas.schema("outage.declared.v1"))
    other["$defs"] = {"Place": {"type": "string"}}
    whole: Callable[[str], Json] = schemas.schema

    def with_other(topic: str) -> Json:
        return other if topic == "outage.declared.v1" else whole(topic)

    monkeypatch.setattr(schemas, "schema", with_other)
    with pytest.raises(ValueError, match="two parts of the contract are called Place"):
        schemas.asyncapi_text()
