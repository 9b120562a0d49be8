"""One's plans for calendar programs."""

import datetime as dt
import hashlib
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.scheduling.commands import calendar
from services.scheduling.store import calendar as calendar_store
from services.scheduling.views.calendar import calendar as calendar_of
from services.scheduling.views.calendar import published
from shared.access import employee_of
from shared.auth import Caller, principal
from shared.dates import local_date, midnight
from shared.http import Problem
from shared.service import Service, service_of

router = APIRouter(prefix="/scheduling/v1/me", tags=["plans"])
Running = Annotated[Service, Depends(service_of)]
FEED_PAST, FEED_AHEAD = dt.timedelta(31), dt.timedelta(92)


@router.post("/calendar", status_code=201)
async def open_feed(service: Running, who: Caller) -> dict[str, Any]:
    """An address for calendar programs; one that was given before opens nothing any more."""
    token = await calendar.new_token(service.db, service.clock, who)
    return {"url": f"/scheduling/v1/me/calendar.ics?token={token}"}


@router.delete("/calendar", status_code=204)
async def close_feed(service: Running, who: Caller) -> None:
    """No address opens my calendar any more."""
    await calendar.revoke(service.db, service.clock, who)


@router.get("/calendar.ics")
async def my_calendar(request: Request, service: Running, token: str | None = None) -> Response:
    """My plans from a month ago to three months ahead, by feed token or by the usual sign-in.

    The same bytes and the same ETag until a plan or the date changes, so that a calendar program that asks every
    few minutes is told 304.
    """
    if token is None:
        owner: UUID | None = employee_of(await principal(request))
    else:
        async with service.db.read() as tx:
            owner = await calendar_store.feed_owner(tx, calendar.token_hash(token))
        if owner is None:
            raise Problem(401, "feed.revoked")
    day = local_date(service.clock.now())
    async with service.db.read() as tx:
        rows = await calendar_store.feed(tx, owner, day - FEED_PAST, day + FEED_AHEAD)
    content = calendar_of(rows)
    # The span of dates moves at midnight, and what the feed holds with it.
    day_begins = midnight(day)
    modified = max([day_begins, *(published(row) for row in rows)]).astimezone(dt.UTC).replace(microsecond=0)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": "private, max-age=300",
        "ETag": etag,
        "Last-Modified": format_datetime(modified, usegmt=True),
    }
    if _has_it(request, etag, modified):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="text/calendar", headers=headers)


def _has_it(request: Request, etag: str, modified: dt.datetime) -> bool:
    """Whether the caller holds these bytes already; If-None-Match goes before the date (RFC 9110, 13.2.2)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        given = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return etag in given or "*" in given
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except (ValueError, TypeError, OverflowError):
        return False
    return since.tzinfo is not None and modified <= since
