"""The door to the feeds of the topics that a service owns: events over HTTP, without a Kafka client."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from shared import feed
from shared.access import READ_EVENTS
from shared.auth import Caller, permitted
from shared.bus import client_arguments
from shared.cursors import Limit
from shared.events import TOPICS
from shared.events.structured import structured
from shared.refusals import Missing
from shared.settings import Settings

WAITS_AT_MOST_S = 20
AT_ONCE = 32
"""Pages that one process reads at the same time: each has a connection to Kafka of its own."""


class CloudEvent(BaseModel):
    """An event in CloudEvents' JSON format. A reader passes over attributes that it does not know."""

    model_config = ConfigDict(extra="allow")

    specversion: str
    id: str = Field(description="The same whenever the same event is read again")
    source: str
    type: str
    subject: str = Field(description="The record's key: events of one key come in order")
    time: str
    datacontenttype: str | None = None
    dataschema: str | None = None
    traceparent: str | None = None
    data: Any = Field(default=None, description="By the schema at `dataschema`; without it, the subject is erased")


class FeedPage(BaseModel):
    """Events in the order of each key, and where to go on: ask again with `cursor=next`, for ever."""

    items: list[CloudEvent]
    next: str


def router(settings: Settings) -> APIRouter:
    """The doors to the feeds of the topics that this service owns."""
    doors = APIRouter(prefix=f"/{settings.service}/v1/feed", tags=["feed"])
    own = {name: topic for name, topic in TOPICS.items() if topic.owner == settings.service}
    client = {**client_arguments(settings), "client_id": "hadir-feed"}
    turn = asyncio.Semaphore(AT_ONCE)

    @doors.get("/{topic}", response_model=FeedPage)
    async def page(
        topic: Annotated[str, Path(max_length=100, examples=sorted(own))],
        who: Caller,
        cursor: Annotated[
            str | None, Query(description="`next` of the page before; without it: the oldest")
        ] = None,
        limit: Limit = 500,
        wait: Annotated[
            int, Query(ge=0, le=WAITS_AT_MOST_S, description="Seconds to wait for the first event")
        ] = 0,
    ) -> Response:
        """Events of a topic, oldest first for each key; none is passed over, and after a crash some come again.

        Public topics are for everyone with a token, those with employees' ids for auditors and BKPSDM, the
        directory for BKPSDM. A cursor beyond the topic's end (it was made anew, and is shorter) or before the
        oldest record that is kept is refused.
        """
        wanted = own.get(topic)
        if wanted is None:
            raise Missing("feed.elsewhere", params={"topics": ", ".join(sorted(own))})
        permitted(READ_EVENTS[wanted.audience], who)
        after = feed.position_of(cursor, wanted) if cursor else None
        async with turn:
            records, position = await feed.page(settings, client, wanted, after, limit=limit, wait_s=wait)
        items = b",".join(map(structured, records))
        return Response(
            b'{"items":[%b],"next":"%b"}' % (items, position.written().encode()), media_type="application/json"
        )

    return doors
