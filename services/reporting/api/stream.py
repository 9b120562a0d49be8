"""Server-sent events: the figures as they change."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from services.reporting.views.figures import Reader, View, reader_of
from services.reporting.views.live import Live
from shared.auth import Caller, holder_of
from shared.event_stream import BEGINNING, HEARTBEAT_S, STILL_HERE, EventStream, answered, event

router = APIRouter(prefix="/reporting/v1", tags=["views"])

SignedIn = Callable[[], Awaitable[bool]]
"""Whether who opened a stream still may follow it."""


@router.get("/stream", response_class=EventStream)
async def stream(request: Request, who: Caller) -> StreamingResponse:
    """Server-sent events `city`, `opds` and `units`: today's views, whole, each time they change.

    Each role gets the views whose doors are open to it.
    """
    live: Live = request.app.state.live
    stopping: asyncio.Event = request.app.state.service.stopping
    by_session = (await holder_of(request)) is not None

    async def signed_in() -> bool:
        return not by_session or (await holder_of(request)) is not None

    return answered(_follow(live, reader_of(who), who.expires, signed_in, stopping))


async def _follow(
    live: Live, reader: Reader, expires: float, signed_in: SignedIn, stopping: asyncio.Event
) -> AsyncGenerator[bytes]:
    """The wire of one subscriber, until the service stops, the token expires (Unix s), or they sign out."""
    sent: dict[View, int] = {}
    with live.subscription() as news:
        yield BEGINNING
        looked = time.monotonic()
        while not stopping.is_set() and time.time() < expires:
            if time.monotonic() - looked >= HEARTBEAT_S:
                looked = time.monotonic()
                if not await signed_in():
                    return
            news.clear()
            for view in reader.views:
                frame = live.frame(view)
                if frame is not None and frame.version != sent.get(view):
                    sent[view] = frame.version
                    yield event(view, frame.version, frame.encoded(reader))
            try:
                async with asyncio.timeout(min(HEARTBEAT_S, max(0.0, expires - time.time()))):
                    await news.wait()
            except TimeoutError:
                yield STILL_HERE
