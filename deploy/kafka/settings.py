"""Topics' settings, read and changed one by one.

aiokafka knows only the old AlterConfigs, which replaces the whole set of a topic's settings and so takes away what
an operator has set there. This is IncrementalAlterConfigs (KIP-339, key 44, version 0) on the same client.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

TOPIC = 2
SET = 0
TEXT = String("utf-8")

Settings = Mapping[str, str]


class SettingsRefused(Exception):
    """The cluster refused to tell or to change a topic's settings; the text names topic and reason."""


class _Response(Response):
    # Declared as properties, and set as here by every class of aiokafka's own.
    API_KEY = 44  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]
    API_VERSION = 0  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("responses", Array(("error_code", Int16), ("error_message", TEXT), ("type", Int8), ("name", TEXT))),
    )


class _RequestV0(RequestStruct):
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("type", Int8),
                ("name", TEXT),
                ("configs", Array(("name", TEXT), ("operation", Int8), ("value", TEXT))),
            ),
        ),
        ("validate_only", Boolean),
    )


class _IncrementalAlterConfigs(Request[_RequestV0]):
    API_KEY = 44

    def __init__(self, changes: Mapping[str, Settings]) -> None:
        self._resources = [
            (TOPIC, topic, [(name, SET, value) for name, value in settings.items()])
            for topic, settings in changes.items()
        ]

    def build(self, request_struct_class: type[_RequestV0]) -> _RequestV0:
        return request_struct_class(self._resources, False)


async def read(admin: AIOKafkaAdminClient, names: Mapping[str, Settings]) -> dict[str, dict[str, str]]:
    """The values that hold for each topic, of the settings named for it; raises SettingsRefused."""
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic, dict(settings)) for topic, settings in names.items()]
    found: dict[str, dict[str, str]] = {}
    answers: list[Any] = [*await admin.describe_configs(asked)]  # their fields are built at run time
    for answer in answers:
        for code, message, _, topic, entries in answer.resources:
            _refuse(code, message, topic)
            found[topic] = {str(entry[0]): str(entry[1]) for entry in entries}
    return found


async def change(admin: AIOKafkaAdminClient, changes: Mapping[str, Settings]) -> None:
    """Set exactly these settings and leave all others; raises SettingsRefused."""
    if not changes:
        return
    # The client has no public way to send a request that it does not know.
    client: Any = admin
    answer = await client._send_request(_IncrementalAlterConfigs(changes))
    for code, message, _, topic in answer.responses:
        _refuse(code, message, topic)


def _refuse(code: int, message: str | None, topic: str) -> None:
    if code != 0:
        raise SettingsRefused(f"{topic}: {for_code(code).__name__}: {message or 'the cluster gives no reason'}")
