"""An inbox as it changes, by server-sent events."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from services.notifications.views.live import Follower, Live
from shared.auth import Caller, Employee
from shared.event_stream import BEGINNING, HEARTBEAT_S, STILL_HERE, EventStream, answered, event
from shared.messages import language_of

router = APIRouter(prefix="/notifications/v1", tags=["notifications"])

Position = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, lt=2**63)]


@router.get("/me/inbox/stream", response_class=EventStream)
async def stream(
    request: Request,
    me: Employee,
    who: Caller,
    last_event_id: Position = None,
    accept_language: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Server-sent events `inbox`: `{items, unread, reset}`, my messages that came or are other ones now.

    The first comes at once. Read the inbox when it is there, and nothing is missed; later come back with the id of
    the last event (`Last-Event-ID`), and what came meanwhile is told. A message may be told more than once: its
    `notification_id` says which it is. `reset` true: more is new than is told, so read the inbox anew. The stream
    ends when the token does, and when the service stops.
    """
    follower = Follower(me, language_of(accept_language), last_event_id)
    stopping: asyncio.Event = request.app.state.service.stopping
    return answered(_follow(request.app.state.live, follower, who.expires, stopping))


async def _follow(
    live: Live, follower: Follower, expires: float, stopping: asyncio.Event
) -> AsyncGenerator[bytes]:
    """The wire of one follower, until the service stops or the token expires (Unix s)."""
    with live.subscription(follower):
        yield BEGINNING
        while not stopping.is_set() and (left_s := expires - time.time()) > 0:
            follower.news.clear()
            if (taken := follower.take()) is not None:
                position, news = taken
                yield event("inbox", position, news.model_dump_json().encode())
                continue
            try:
                async with asyncio.timeout(min(HEARTBEAT_S, left_s)):
                    await follower.news.wait()
            except TimeoutError:
                yield STILL_HERE
