"""One OPD by itself: its day, its counters, and its course; and the city's course."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from services.reporting.api.figures import Code
from services.reporting.api.pages.board.charts import month, morning, weeks
from services.reporting.api.pages.board.entry import Look, draw, look, turned_away
from services.reporting.api.pages.page import Turned, in_language, reader_language
from services.reporting.views import arrivals, board
from services.reporting.views.figures import look_at, opds
from shared.events import DUTIES
from shared.messages import text
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting/board", include_in_schema=False, dependencies=[Depends(in_language)])

Running = Annotated[Service, Depends(service_of)]


@router.get("/opds/{opd_code}", response_class=HTMLResponse)
async def opd(
    request: Request, service: Running, opd_code: Code, date: str | None = None, at: str | None = None
) -> HTMLResponse:
    """An OPD's date. For those who may open its door: BKPSDM, auditors, the council, and its own admin."""
    here = await _may_see(request, await look(request, service, date, at), opd_code)
    async with service.db.read() as tx:
        # All of them for a reader who may not see few people: which figures are withheld depends on the others.
        found = await look_at(tx, here.date, here.as_of, None if here.reader.merged else opd_code)
    figures = next((opd for opd in found.opds(here.reader) if opd.opd_code == opd_code), None)
    if figures is None:
        raise _unknown(request, here)
    return draw(
        request,
        "opd",
        here,
        duties=DUTIES,
        opd=figures,
        units=board.units_worst_first(one for one in found.counters if one.point.opd_code == opd_code),
    )


@router.get("/course", response_class=HTMLResponse)
async def city_course(
    request: Request, service: Running, date: str | None = None, at: str | None = None
) -> HTMLResponse:
    """The morning, the month and the weeks of the city: slower than its day, so by itself."""
    return await _course(
        request, service, await _may_see(request, await look(request, service, date, at), None), None
    )


@router.get("/opds/{opd_code}/course", response_class=HTMLResponse)
async def opd_course(
    request: Request, service: Running, opd_code: Code, date: str | None = None, at: str | None = None
) -> HTMLResponse:
    """The same of an OPD; its own page shows it where scripts run."""
    here = await _may_see(request, await look(request, service, date, at), opd_code)
    return await _course(request, service, here, opd_code)


async def _course(request: Request, service: Service, here: Look, opd_code: str | None) -> HTMLResponse:
    async with service.db.read() as tx:
        names = dict(await opds(tx))
        if opd_code is not None and opd_code not in names:
            raise _unknown(request, here)
        period = await board.span(tx, here.date, here.first_kept)
        found = await board.course(tx, here.reader, period, here.as_of, opd_code)
        came = await arrivals.of_date(tx, here.reader, here.date, here.as_of, opd_code)
    language = reader_language(request)
    return draw(
        request,
        "course",
        here,
        opd_code=opd_code,
        opd_name=names.get(opd_code, opd_code) if opd_code else None,
        morning=morning(came, here, language) if came else None,
        month=month(found.month, language),
        weeks=weeks(found.weeks, language),
    )


async def _may_see(request: Request, here: Look, opd_code: str | None) -> Look:
    """Raises Turned for whoever may not see the OPD, or the city."""
    reader = here.reader
    city = "city" in reader.views
    if city or (opd_code is not None and "opds" in reader.views and reader.opd == opd_code):
        return here
    told = text("board.not_yours", reader_language(request))
    raise Turned(turned_away(request, here.who, told, 403))


def _unknown(request: Request, here: Look) -> Turned:
    return Turned(turned_away(request, here.who, text("board.no_such_opd", reader_language(request)), 404))
