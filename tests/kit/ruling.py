"""Rules of messages, as the walk of all doors asks for them (see tests/kit/walk.py)."""

from collections.abc import Mapping
from typing import Any

from services.notifications.domain.rules import shipped
from tests.kit.walk import Body, Made, Target, World, told

KIND = "counter.short"


async def message_kind(_: World, __: Target) -> str:
    return KIND


def seen(content: dict[str, Any]) -> Body:
    """What is shipped, said to the shipped version: it holds already."""
    return told(lambda _, __: {**content, "version": 0, "reason": "uji"})


RULED: Mapping[str, Made] = {"message_kind": message_kind}
RULING: Mapping[str, Body] = {
    "PUT /notifications/v1/rules/limits": seen(shipped().limits.model_dump(mode="json")),
    "POST /notifications/v1/rules/limits/shipped": seen({}),
    "PUT /notifications/v1/rules/{message_kind}": seen(shipped().kinds[KIND].model_dump(mode="json")),
    "POST /notifications/v1/rules/{message_kind}/shipped": seen({}),
}
