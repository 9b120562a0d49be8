"""The pages of pilots: what was fixed and when, what the design could tell, and what may be said of the figures.

Drawn whole by the server. The council reads them as BKPSDM does; only registering asks for a script.
"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import RedirectResponse, Response

from services.reporting.api.pages.desk.entry import DESK, draw, not_yours, reader
from services.reporting.api.pages.desk.team import Running
from services.reporting.api.pages.page import HOME, in_language, reader_language
from services.reporting.api.pilots import Revision
from services.reporting.domain.periods import AVAILABLE_MINUTES, METRICS
from services.reporting.domain.pilots import PILOT_ID, Protocol
from services.reporting.views import charts, figures
from services.reporting.views import pilots as views
from services.reporting.views.words import points
from shared.access import SMALL_CELLS_MERGED, Principal, may
from shared.dates import local_date
from shared.messages import text
from shared.refusals import Missing

router = APIRouter(prefix="/reporting", include_in_schema=False, dependencies=[Depends(in_language)])

MOST = 200
"""Pilots of the list."""

Id = Annotated[str, Path(pattern=PILOT_ID)]


@router.get("/pilots", response_class=RedirectResponse)
@router.get("/pilots/{pilot_id}", response_class=RedirectResponse)
async def short_way(request: Request) -> RedirectResponse:
    """The address that people are told; the page stands among those of officers and of the council."""
    rest = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{DESK}{request.url.path.removeprefix(HOME)}{rest}", 303)


@router.get("/desk/pilots")
async def pilots(request: Request, service: Running) -> Response:
    """Every pilot, and for BKPSDM the form that registers one."""
    who = await reader(request, "pilots")
    now = service.clock.now()
    async with service.db.read() as tx:
        found = await views.newest(tx, "", MOST)
        opds = await figures.opds(tx)
    # A seed that nobody has chosen for what it gives.
    given = {"seed": int(local_date(now).strftime("%Y%m%d")), "available_minutes": AVAILABLE_MINUTES}
    return draw(
        request,
        who,
        "pilots",
        now=service.clock,
        pilots=found,
        opds=opds,
        metrics=METRICS,
        fresh={**dict.fromkeys(Protocol.model_fields), **given},
    )


@router.get("/desk/pilots/{pilot_id}")
async def pilot(request: Request, service: Running, pilot_id: Id, revision: Revision = None) -> Response:
    """One pilot: its verdict once it has begun, what it could tell before; the protocol and its hash."""
    who = await reader(request, "pilots")
    now, language = service.clock.now(), reader_language(request)
    async with service.db.read() as tx:
        try:
            found = await views.find(tx, pilot_id, revision)
        except Missing:
            return not_yours(request, who, "pilot", 404)
        protocol = await views.show(tx, found)
        begun = found.protocol.trial.first <= local_date(now)
        verdict = await views.verdict(tx, found, now, merged=_merged(who)) if begun else None
        power = None if begun else await views.power(tx, found.protocol, now)
        opds = await figures.opds(tx)
    chart = verdict and charts.interval(
        "interval",
        text(f"desk.pilots.metric.{verdict.metric}", language),
        charts.Difference(verdict.estimate, verdict.lower, verdict.upper, verdict.margin),
        language,
    )
    return draw(
        request,
        who,
        "pilot",
        now=service.clock,
        pilot=protocol,
        verdict=verdict,
        power=power,
        chart=chart,
        opds=opds,
        names=dict(opds),
        metrics=METRICS,
        points=partial(points, language=language),
    )


def _merged(who: Principal) -> bool:
    return may(who, SMALL_CELLS_MERGED)
