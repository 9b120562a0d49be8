"""The catalogue of events: as an AsyncAPI document and as a page, served by the front door below `/events/`.

Run this module to write the page of no installation, `docs/events/index.html`, which opens as a file too: it loads
nothing from anywhere.
"""

import base64
import hashlib
import json
from collections import defaultdict
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from shared import templates
from shared.events import schemas
from shared.events.asyncapi import AUDIENCES, Installation
from shared.http import UNCHANGED
from shared.schema_doors import known_or_whole
from shared.settings import Settings

PREFIX = "/events"
"""The first path segment at the front door, which leads to reporting."""

FILE = schemas.FOLDER / "index.html"
_HERE = Path(__file__).parent
_STYLE = (_HERE / "catalogue.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


class AsyncApi(Response):
    """An AsyncAPI document, byte for byte."""

    media_type = "application/vnd.aai.asyncapi+json"


def installation_of(settings: Settings) -> Installation:
    """What a service is told of where it and Kafka stand."""
    return Installation(
        url=settings.base_url,
        inside=settings.kafka_bootstrap,
        inside_asks=settings.kafka_security_protocol != "PLAINTEXT",
        outside=settings.kafka_external_name,
    )


def page(installation: Installation | None = None) -> str:
    """The page as HTML, its style within it, no script. Without an installation schemas are files beside it."""
    document = json.loads(schemas.asyncapi_text(installation))
    handled: defaultdict[str, list[str]] = defaultdict(list)
    for operation in document["operations"].values():
        if operation["action"] == "receive":
            handled[operation["channel"]["$ref"].removeprefix("#/channels/")].append(operation["tags"][0]["name"])
    addresses = {
        name: channel["x-dataschema"] if installation else f"{name}.json"
        for name, channel in document["channels"].items()
    }
    template = templates.in_folder(_HERE).get_template("catalogue.html")
    return template.render(
        document=document,
        audiences=AUDIENCES,
        handled=handled,
        schemas=addresses,
        style=templates.safe(_STYLE),
    )


def router(settings: Settings) -> APIRouter:
    """The doors of the catalogue. They hold no data and ask for no token."""
    doors = APIRouter(prefix=PREFIX, tags=["events"])
    installation = installation_of(settings)

    # Made when first asked for: most processes never are.
    @cache
    def document() -> bytes:
        return schemas.asyncapi_text(installation).encode()

    @cache
    def html() -> str:
        return page(installation)

    # FastAPI takes an answer in a media type of its own for text.
    described = {**UNCHANGED, 200: {"content": {AsyncApi.media_type: {"schema": {"type": "object"}}}}}

    @doors.get("/asyncapi.json", response_class=AsyncApi, responses=described)
    async def asyncapi(request: Request) -> Response:
        """All topics of this installation as one AsyncAPI 3.1 document, complete in itself."""
        return known_or_whole(request, AsyncApi(document()))

    @doors.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def catalogue(request: Request) -> Response:
        """The same as a page that loads nothing from anywhere."""
        answer = known_or_whole(request, HTMLResponse(html()))
        answer.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    return doors


def main() -> None:
    FILE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
