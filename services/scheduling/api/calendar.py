"""One's plans for calendar programs."""

import datetime as dt
import hashlib
from email.utils import format_datetime, parsedate_to_datetime

from fastapi import APIRouter, Request, Response

from services.scheduling.api.doors import Running
from services.scheduling.commands import calendar as commands
from services.scheduling.views import calendar as views
from services.scheduling.views.calendar import FeedAddress
from shared.access import employee_of
from shared.auth import Caller, principal
from shared.dates import local_date
from shared.http import UNCHANGED, Problem

router = APIRouter(prefix="/scheduling/v1/me", tags=["plans"])


class CalendarResponse(Response):
    media_type = "text/calendar"


@router.post("/calendar", status_code=201)
async def open_feed(service: Running, who: Caller) -> FeedAddress:
    """An address for calendar programs; one that was given before opens nothing any more."""
    token = await commands.open_feed(service.db, service.clock, who)
    return FeedAddress(url=f"/scheduling/v1/me/calendar.ics?token={token}")


@router.delete("/calendar", status_code=204)
async def close_feed(service: Running, who: Caller) -> None:
    """No address opens my calendar any more."""
    await commands.close_feed(service.db, service.clock, who)


@router.get("/calendar.ics", response_class=CalendarResponse, responses=UNCHANGED)
async def my_calendar(request: Request, service: Running, token: str | None = None) -> Response:
    """My plans from a month ago to three months ahead, by feed token or by the usual sign-in.

    The same bytes and the same ETag until a plan or the date changes, so that a calendar program that asks every
    few minutes is told 304.
    """
    me = employee_of(await principal(request)) if token is None else None
    async with service.db.read() as tx:
        owner = await views.owner(tx, token) if token is not None else me
        if owner is None:
            raise Problem(401, "feed.revoked")
        feed = await views.feed(tx, owner, local_date(service.clock.now()))
    etag = f'"{hashlib.sha256(feed.content).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": "private, max-age=300",
        "ETag": etag,
        "Last-Modified": format_datetime(feed.modified, usegmt=True),
    }
    if _has_it(request, etag, feed.modified):
        return Response(status_code=304, headers=headers)
    return CalendarResponse(feed.content, headers=headers)


def _has_it(request: Request, etag: str, modified: dt.datetime) -> bool:
    """Whether the caller holds these bytes already; If-None-Match goes before the date (RFC 9110, 13.2.2)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        held = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return etag in held or "*" in held
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except (ValueError, TypeError, OverflowError):
        return False
    return since.tzinfo is not None and modified <= since
