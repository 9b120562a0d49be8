"""One service point by itself: its day by time, its month, its weeks. For everyone who is signed in."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from services.reporting.api.figures import Code
from services.reporting.api.pages.board.charts import attainment, month
from services.reporting.api.pages.board.entry import draw, look, turned_away
from services.reporting.api.pages.page import Turned, in_language, reader_language
from services.reporting.views import board, counters
from services.reporting.views.charts import strip
from services.reporting.views.figures import opds
from shared.dates import time_text
from shared.messages import text
from shared.refusals import Missing
from shared.service import Service, service_of

router = APIRouter(prefix="/reporting/board", include_in_schema=False, dependencies=[Depends(in_language)])

Running = Annotated[Service, Depends(service_of)]


@router.get("/units/{unit_id}", response_class=HTMLResponse)
async def unit(
    request: Request, service: Running, unit_id: Code, date: str | None = None, at: str | None = None
) -> HTMLResponse:
    """A service point's date, and what came before it."""
    here = await look(request, service, date, at)
    language = reader_language(request)
    try:
        async with service.db.read() as tx:
            day = await counters.timeline(tx, unit_id, here.date, here.as_of)
            period = await board.span(tx, here.date, here.first_kept)
            found = await board.course_of_unit(tx, unit_id, period, here.as_of)
            names = dict(await opds(tx))
            foreseen = await counters.foreseen(tx, unit_id) if here.live else None
    except Missing as missing:
        told = text("board.no_such_counter", language)
        raise Turned(turned_away(request, here.who, told, 404)) from missing
    return draw(
        request,
        "unit",
        here,
        unit=day,
        opd_name=names.get(day.opd_code, day.opd_code),
        foreseen=foreseen if foreseen and foreseen.at > here.as_of else None,
        foreseen_at=time_text(foreseen.at, language) if foreseen else None,
        may_see_opd="city" in here.reader.views or here.reader.opd == day.opd_code,
        day_chart=strip("hari", text("board.day_of", language, name=day.name), day.segments, language),
        month=month(found.month, language),
        weeks=attainment(found.weeks, language),
    )
