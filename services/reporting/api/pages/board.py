"""The board."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import AfterValidator

from services.reporting.api.pages.page import HOME, in_language, reader_language, show
from services.reporting.views.figures import look_at, reader_of
from services.reporting.views.people import person_day
from shared.auth import COOKIE, holder_of
from shared.dates import WIB, date_text, local_date
from shared.events import DUTIES
from shared.events.base import read_instant
from shared.query import not_ahead
from shared.service import Service, service_of


def _local_minute(value: str) -> str:
    """A local date and time as a browser's field gives it: `2025-11-06T08:00`, seconds only when chosen."""
    seconds = value if len(value) > len("2025-11-06T08:00") else f"{value}:00"
    read_instant(f"{seconds}+07:00")
    return seconds


router = APIRouter(prefix="/reporting", include_in_schema=False, dependencies=[Depends(in_language)])

LocalMinute = Annotated[str, AfterValidator(_local_minute)]
Running = Annotated[Service, Depends(service_of)]


@router.get("", response_class=RedirectResponse)
async def bare() -> RedirectResponse:
    return RedirectResponse(HOME, 308)


@router.get("/", response_class=HTMLResponse)
async def home(request: Request, service: Running, at: LocalMinute | None = None) -> HTMLResponse:
    """The board as its reader may see it, now or as of `at` (local time in WIB, as a browser's field gives it)."""
    who = await holder_of(request)
    if who is None:
        return show(request, "welcome.html", expired=COOKIE in request.cookies, to="")
    now = service.clock.now()
    as_of = now if at is None else not_ahead(dt.datetime.fromisoformat(at).replace(tzinfo=WIB), now)
    date = local_date(as_of)
    language = reader_language(request)
    reader = reader_of(who)
    my_day = None
    async with service.db.read() as tx:
        board = await look_at(tx, date, as_of)
        if who.subject is not None and "opds" not in reader.views:
            my_day = await person_day(tx, who.subject, date, as_of, language)
    city = board.city(reader) if "city" in reader.views else None
    opds = board.opds(reader) if "opds" in reader.views else []
    own_opd = None if city else next(iter(opds), None)
    return show(
        request,
        "board.html",
        who=who,
        live=at is None,
        as_of=as_of,
        at=as_of.astimezone(WIB).strftime("%Y-%m-%dT%H:%M"),
        day=date_text(date, language),
        duties=DUTIES,
        headline=city or own_opd,
        headline_view=next((view for view in reader.views if view != "units"), None),
        headline_name=own_opd.opd_name if own_opd else None,
        opds=opds if city else [],
        counters=board.coverage(),
        short=board.short(),
        my_day=my_day,
    )
