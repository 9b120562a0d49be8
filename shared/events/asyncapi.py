"""The AsyncAPI 3.0 document of the contract, `docs/events/asyncapi.json`, worked out from the table of topics."""

import json
from typing import Any

from shared.events.base import INSTANT_PATTERN, UUID_PATTERN
from shared.events.envelope import CONTENT_TYPE, SCHEMA_PREFIX
from shared.events.topics import TOPICS, Topic

HEADERS: dict[str, Any] = {
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
        "ce_type": {"type": "string", "description": "The topic's name."},
        "ce_source": {"type": "string", "format": "uri-reference", "description": "/hadir/<owner of the topic>"},
        "ce_subject": {"type": "string", "description": "The key."},
        "ce_time": {
            "type": "string",
            "format": "date-time",
            "pattern": INSTANT_PATTERN,
            "description": "When it happened.",
        },
        "ce_dataschema": {"type": "string", "format": "uri"},
        "content-type": {"type": "string", "const": CONTENT_TYPE},
        "traceparent": {"type": "string", "description": "W3C trace context."},
    },
}


def document() -> dict[str, Any]:
    """The whole document. Payloads are the golden schemas beside it."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:hadir:events",
        "info": {
            "title": "Hadir",
            "version": "1.0.0",
            "description": (
                "What happened in a city's daily work, for any system that may read it. Within one major "
                "version fields are only added; a reader ignores what it does not know and keeps the "
                "highest revision."
            ),
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic) for topic in TOPICS.values()},
        "operations": {f"publish {topic.name}": _operation(topic) for topic in TOPICS.values()},
        "components": {
            "messages": {topic.name: _message(topic) for topic in TOPICS.values()},
            "schemas": {"headers": HEADERS},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": topic.event.description,
        "messages": {"event": {"$ref": f"#/components/messages/{topic.name}"}},
        "tags": [{"name": topic.audience}],
        "x-owner": topic.owner,
        "x-dead-letters": topic.dead_letters,
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": "0.5.0",
            }
        },
    }


def _configuration(topic: Topic) -> dict[str, Any]:
    """The topic's settings that the binding has a place for; the rest is in topics.json."""
    given: dict[str, Any] = {"cleanup.policy": [topic.config["cleanup.policy"]]}
    if "retention.ms" in topic.config:
        given["retention.ms"] = int(topic.config["retention.ms"])
    return given


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"{topic.owner} publishes",
        "description": topic.event.trigger,
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/event"}],
    }


def _message(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "title": topic.event.__name__,
        "summary": topic.event.description,
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"$ref": f"./{topic.name}.json"},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": "0.5.0"},
        },
        "x-dataschema": f"{SCHEMA_PREFIX}{topic.name}",
        "x-tombstones": topic.tombstones,
    }


def text() -> str:
    """The file, byte for byte."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
