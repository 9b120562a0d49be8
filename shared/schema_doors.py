"""The schemas of what a service publishes, each at the address that its events name (`ce_dataschema`)."""

import hashlib
import json

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.events import TOPICS, schemas
from shared.events.topics import schema_address
from shared.http import UNCHANGED
from shared.refusals import Missing
from shared.settings import Settings

CACHED_S = 3600


class JsonSchema(Response):
    """A JSON Schema, byte for byte."""

    media_type = "application/schema+json"


def address(settings: Settings, topic: str) -> str:
    """Where this service serves the schema of a topic of its own, below the public address of the installation."""
    return schema_address(settings.base_url, settings.service, topic)


def known_or_whole(request: Request, whole: Response) -> Response:
    """`whole` with its ETag, to be kept for an hour; 304 where the caller has it already (RFC 9110, 13.1.2)."""
    headers = {
        "ETag": f'"{hashlib.sha256(whole.body).hexdigest()[:32]}"',
        "Cache-Control": f"public, max-age={CACHED_S}",
    }
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if headers["ETag"] in known or "*" in known:
        return Response(status_code=304, headers=headers)
    whole.headers.update(headers)
    return whole


def router(settings: Settings) -> APIRouter:
    """The doors to the schemas of the topics that this service owns. They hold no data and ask for no token."""
    doors = APIRouter(prefix=f"/{settings.service}/schemas", tags=["schemas"])
    bodies = {
        name: json.dumps({**schemas.schema(name), "$id": address(settings, name)}, ensure_ascii=False).encode()
        for name, topic in TOPICS.items()
        if topic.owner == settings.service
    }

    @doors.get("/{topic}.json", response_class=JsonSchema, responses=UNCHANGED)
    async def schema(topic: str, request: Request) -> Response:
        """The JSON Schema of one topic's value; its `$id` is this address. Only grows within a major version."""
        body = bodies.get(topic)
        if body is None:
            raise Missing("not_found")
        return known_or_whole(request, JsonSchema(body))

    return doors
