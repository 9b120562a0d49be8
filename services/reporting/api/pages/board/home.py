"""The board itself, and the search of its OPDs and counters."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.reporting.api.pages.board.entry import draw, look
from services.reporting.api.pages.desk.entry import DESK
from services.reporting.api.pages.page import HOME, in_language, reader_language, show
from services.reporting.views import pilots
from services.reporting.views.board import matches, opds_worst_first, units_worst_first
from services.reporting.views.figures import look_at
from services.reporting.views.people import person_day
from shared.access import READ_PILOTS, may
from shared.auth import COOKIE, holder_of
from shared.events import DUTIES
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting", include_in_schema=False, dependencies=[Depends(in_language)])

Running = Annotated[Service, Depends(service_of)]
MOST_TRIALS = 5
"""So many pilots are named on the board; the others stand on their own page."""
Asked = Annotated[str, Query(max_length=100)]


@router.get("", response_class=RedirectResponse)
async def bare() -> RedirectResponse:
    return RedirectResponse(HOME, 308)


@router.get("/", response_class=HTMLResponse)
async def home(
    request: Request,
    service: Running,
    date: str | None = None,
    at: str | None = None,
    opds: Literal["all"] | None = None,
) -> HTMLResponse:
    """The board as its reader may see it: a date, now or as of `at` (local time in WIB, as a field gives it)."""
    if await holder_of(request) is None:
        return show(request, "welcome.html", expired=COOKIE in request.cookies, to="")
    here = await look(request, service, date, at)
    who, reader = here.who, here.reader
    my_day = None
    async with service.db.read() as tx:
        board = await look_at(tx, here.date, here.as_of)
        trials = await pilots.newest(tx, "", MOST_TRIALS) if may(who, READ_PILOTS) else []
        if who.subject is not None and "opds" not in reader.views:
            my_day = await person_day(tx, who.subject, here.date, here.as_of, reader_language(request))
    city = board.city(reader) if "city" in reader.views else None
    listed = board.opds(reader) if "opds" in reader.views else []
    own_opd = None if city else next(iter(listed), None)
    return draw(
        request,
        "home",
        here,
        duties=DUTIES,
        headline=city or own_opd,
        headline_view=next((view for view in reader.views if view != "units"), None),
        own_opd=own_opd,
        opds=opds_worst_first(listed) if city else [],
        all_opds=opds is not None,
        counters=board.coverage(),
        short=board.short(),
        my_day=my_day,
        trials=trials,
        desk=DESK,
    )


@router.get("/board/find", response_class=HTMLResponse)
async def find(
    request: Request, service: Running, q: Asked = "", date: str | None = None, at: str | None = None
) -> HTMLResponse:
    """The OPDs and counters whose names have every word of `q`, the worst first; all of them where it is empty."""
    here = await look(request, service, date, at)
    async with service.db.read() as tx:
        board = await look_at(tx, here.date, here.as_of)
    opds = board.opds(here.reader) if "opds" in here.reader.views else []
    standings = [
        standing
        for standing in board.counters
        if matches(q, standing.point.name, standing.point.unit_id, board.opd_name(standing.point.opd_code))
    ]
    return draw(
        request,
        "find",
        here,
        q=q,
        opds=opds_worst_first(opd for opd in opds if matches(q, opd.opd_name, opd.opd_code)),
        units=units_worst_first(standings),
        opd_name=board.opd_name,
    )
