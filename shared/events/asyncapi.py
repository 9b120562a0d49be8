"""The AsyncAPI 3.1 document of the contract, in one piece: `docs/events/asyncapi.json`, and what an installation
serves of itself. Worked out from the table of topics."""

import json
from dataclasses import dataclass
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from shared.events.base import INSTANT_PATTERN, UUID_PATTERN, ServiceName
from shared.events.envelope import CONTENT_TYPE, HEARTBEAT, source_of
from shared.events.promises import promises, retention
from shared.events.topics import TOPICS, Topic, schema_address

NOBODY = str(uuid5(NAMESPACE_URL, "urn:hadir:heartbeat:0"))
"""The key of one partition's heartbeats (shared/heartbeat.py), for the example."""

VERSION = "3.1.0"
BINDING = "0.5.0"
"""Of Kafka's bindings."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Installation:
    """Where one installation stands. The values here are made up, for the file that belongs to none.

    url: its public address. inside, outside: `host:port` of Kafka, where services reach it and where other systems
    do; None: it lets none in. inside_asks: whether Kafka asks who comes from inside.
    """

    url: str = "https://hadir.example.go.id"
    inside: str = "kafka:9092"
    inside_asks: bool = True
    outside: str | None = "kafka.hadir.example.go.id:9094"


HEADERS: Json = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka binary mode.",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {
            "type": "string",
            "format": "uuid",
            "pattern": UUID_PATTERN,
            "description": "The idempotency key.",
        },
        "ce_type": {
            "type": "string",
            "description": f"The topic's name; `{HEARTBEAT}` where the record says nothing.",
        },
        "ce_source": {"type": "string", "format": "uri-reference", "description": "/hadir/<owner of the topic>"},
        "ce_subject": {"type": "string", "description": "The key."},
        "ce_time": {
            "type": "string",
            "format": "date-time",
            "pattern": INSTANT_PATTERN,
            "description": "When it happened.",
        },
        "ce_dataschema": {"type": "string", "format": "uri", "description": "Where the value's schema is served."},
        "content-type": {"type": "string", "const": CONTENT_TYPE},
        "traceparent": {"type": "string", "description": "W3C trace context."},
    },
}


def document(schemas: dict[str, Json], installation: Installation) -> Json:
    """The whole document. `schemas`: the JSON Schema of each topic's value, by its name."""
    return {
        "asyncapi": VERSION,
        "id": "urn:hadir:events",
        "info": {
            "title": "Hadir",
            "version": "1.0.0",
            "description": (
                "What happened in a city's daily work, for any system that may read it. Within one major "
                "version fields are only added; a reader ignores what it does not know and keeps the "
                "highest revision."
            ),
            "contact": {"name": "Hadir", "url": installation.url},
            "license": {"name": "EUPL-1.2", "url": "https://eupl.eu/1.2/en/"},
            "tags": [{"name": audience, "description": told} for audience, told in AUDIENCES.items()],
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": _servers(installation),
        "channels": {topic.name: _channel(topic, installation) for topic in TOPICS.values()},
        "operations": {name: operation for topic in TOPICS.values() for name, operation in _operations(topic)},
        "components": {
            "messages": {
                name: message
                for topic in TOPICS.values()
                for name, message in _messages(topic, schemas[topic.name], installation)
            },
            "schemas": {"headers": HEADERS, **_parts(schemas)},
            "securitySchemes": {
                "scram": {
                    "type": "scramSha512",
                    "description": "A user of your own, which the operators make; it reads in consumer groups "
                    "whose names begin with its own and a dot.",
                }
            },
        },
    }


AUDIENCES = {
    "public": "No personal data at all.",
    "internal": "A person is known by employee_id only.",
    "restricted": "Personal data.",
}


def _servers(installation: Installation) -> Json:
    asks: Json = {"security": [{"$ref": "#/components/securitySchemes/scram"}]}
    servers: Json = {
        "inside": {
            "host": installation.inside,
            "protocol": "kafka",
            "description": "The services' own way, without TLS: on the installation's internal network.",
            **(asks if installation.inside_asks else {}),
        }
    }
    if installation.outside is not None:
        servers["outside"] = {
            "host": installation.outside,
            "protocol": "kafka-secure",
            "description": "For other systems: SASL_SSL, SCRAM-SHA-512.",
            **asks,
        }
    return servers


def _parts(schemas: dict[str, Json]) -> Json:
    """The definitions of all schemas, which share one place here: one name is one definition."""
    found: Json = {}
    for schema in schemas.values():
        for name, part in schema.get("$defs", {}).items():
            if found.setdefault(name, part) != part:
                raise ValueError(f"two parts of the contract are called {name}: give one of them another name")
    return _inside(found)


def _inside(node: Any) -> Any:
    """A piece of a schema with its references to definitions led to this document's."""
    if isinstance(node, list):
        return [_inside(each) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    members = cast("Json", node)
    return {
        name: each.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _inside(each)
        for name, each in members.items()
    }


def _channel(topic: Topic, installation: Installation) -> Json:
    kinds = ["event", "tombstone", "heartbeat"] if topic.tombstones else ["event"]
    return {
        "address": topic.name,
        "title": topic.event.__name__,
        "summary": topic.event.description,
        "description": f"When: {topic.event.trigger}",
        "messages": {kind: {"$ref": f"#/components/messages/{_named(topic, kind)}"} for kind in kinds},
        "servers": [{"$ref": f"#/servers/{name}"} for name in _servers(installation)],
        "tags": [{"name": topic.audience}],
        "x-owner": topic.owner,
        "x-audience": topic.audience,
        "x-key": topic.key,
        "x-trigger": topic.event.trigger,
        "x-retention": retention(topic),
        "x-promises": promises(topic),
        "x-fact": list(topic.event.fact),
        "x-dataschema": schema_address(installation.url, topic.owner, topic.name),
        "x-dead-letters": topic.dead_letters,
        "x-configuration": topic.config,
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": BINDING,
            }
        },
    }


def _configuration(topic: Topic) -> Json:
    """The topic's settings that the binding has a place for; all of them are in `x-configuration`."""
    given: Json = {"cleanup.policy": [topic.config["cleanup.policy"]]}
    for name in ("retention.ms", "delete.retention.ms"):
        if name in topic.config:
            given[name] = int(topic.config[name])
    return given


def _operations(topic: Topic) -> list[tuple[str, Json]]:
    """What the services do with the topic: its owner sends, those that handle it receive."""
    return [
        _operation(topic, topic.owner, "send", f"{topic.owner} publishes"),
        *(_operation(topic, reader, "receive", f"{reader} handles") for reader in topic.event.readers),
    ]


def _operation(topic: Topic, service: ServiceName, action: str, summary: str) -> tuple[str, Json]:
    operation: Json = {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"{summary} {topic.name}",
        "tags": [{"name": service}],
    }
    if action == "receive":
        group = {"type": "string", "pattern": rf"^{service}\."}
        operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": BINDING}}
    return f"{service}.{action}.{topic.name}", operation


def _named(topic: Topic, kind: str) -> str:
    return topic.name if kind == "event" else f"{topic.name}.{kind}"


def _messages(topic: Topic, schema: Json, installation: Installation) -> list[tuple[str, Json]]:
    headers = _headers(topic, installation)
    common = _common(topic, schema, headers)
    payload = {name: part for name, part in schema.items() if name not in ("$schema", "$id", "$defs")}
    event: Json = {
        "name": topic.name,
        "title": topic.event.__name__,
        "summary": topic.event.description,
        **common,
        "payload": _inside(payload),
        "examples": [{"name": "example", "headers": headers, "payload": dict(topic.event.example)}],
    }
    if not topic.tombstones:
        return [(topic.name, event)]
    tombstone: Json = {
        "name": _named(topic, "tombstone"),
        "title": "Tombstone",
        "summary": "A record without a value: what its key names is erased.",
        **common,
        "payload": {"type": "null"},
        "examples": [{"name": "erasure", "headers": headers, "payload": None}],
    }
    beating = {**headers, "ce_type": HEARTBEAT, "ce_subject": NOBODY}
    heartbeat: Json = {
        "name": _named(topic, "heartbeat"),
        "title": "Heartbeat",
        "summary": "A record that says nothing: pass it over, as any record of a `ce_type` that you do not know. "
        "One comes to each partition about once an hour, without a value, under a key that is nobody's and always "
        "the same, so that Kafka clears away what was erased.",
        **_common(topic, schema, beating),
        "payload": {"type": "null"},
        "examples": [{"name": "heartbeat", "headers": beating, "payload": None}],
    }
    return [
        (topic.name, event),
        (_named(topic, "tombstone"), tombstone),
        (_named(topic, "heartbeat"), heartbeat),
    ]


def _common(topic: Topic, schema: Json, headers: dict[str, str]) -> Json:
    """What is around the payload, with the type and source that these headers name."""
    fixed: Json = {name: {"type": "string", "const": headers[name]} for name in ("ce_type", "ce_source")}
    return {
        "contentType": CONTENT_TYPE,
        "headers": {"allOf": [{"$ref": "#/components/schemas/headers"}, {"type": "object", "properties": fixed}]},
        "bindings": {"kafka": {"key": _key(topic, schema), "bindingVersion": BINDING}},
    }


def _headers(topic: Topic, installation: Installation) -> dict[str, str]:
    """Those of the example."""
    return {
        "ce_specversion": "1.0",
        "ce_id": "0193a5b0-33f6-7b22-a0c4-8e1d2f3a4b05",
        "ce_type": topic.name,
        "ce_source": source_of(topic.owner),
        "ce_subject": str(topic.event.example[topic.key]),
        "ce_time": "2025-11-06T03:12:00+00:00",
        "ce_dataschema": schema_address(installation.url, topic.owner, topic.name),
        "content-type": CONTENT_TYPE,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }


def _key(topic: Topic, schema: Json) -> Json:
    """The schema of the key: the field of the value that it is, as text."""
    field: Json = schema["properties"][topic.key]
    kept = {name: part for name, part in field.items() if name in ("format", "pattern", "minLength", "maxLength")}
    if field["type"] == "integer":
        kept = {"pattern": "^[0-9]+$"}
    return {"type": "string", "description": topic.key, **kept}


def text(schemas: dict[str, Json], installation: Installation | None = None) -> str:
    """The document as JSON, byte for byte."""
    return json.dumps(document(schemas, installation or Installation()), indent=2, ensure_ascii=False) + "\n"
