"""The council's page: pick a period, and read its pack."""

import datetime as dt

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from services.reporting.api.pages.desk.entry import DESK, draw, reader
from services.reporting.api.pages.desk.team import Running
from services.reporting.api.pages.page import in_language
from services.reporting.views.packs import kept
from shared.dates import local_date

router = APIRouter(prefix="/reporting", include_in_schema=False, dependencies=[Depends(in_language)])

SHOWN = 60
AGAIN_S = 3
"""While a pack is made, the page looks again so often: by itself, without script."""


@router.get("/packs")
async def bare(request: Request) -> RedirectResponse:
    """The short address, as it is passed on."""
    lang = "?lang=en" if request.query_params.get("lang") == "en" else ""
    return RedirectResponse(f"{DESK}packs{lang}", 303)


@router.get("/desk/packs")
async def packs(request: Request, service: Running) -> Response:
    """The packs there are, the latest first, and the form that asks for another, at first for last month."""
    who = await reader(request, "packs")
    today = local_date(service.clock.now())
    last = today.replace(day=1) - dt.timedelta(days=1)
    async with service.db.read() as tx:
        found = await kept.listed(tx, None, SHOWN)
    making = any(one.state == "making" for one in found.items)
    answer = draw(
        request,
        who,
        "packs",
        now=service.clock,
        packs=found.items,
        first=last.replace(day=1),
        last=last,
        yesterday=today - dt.timedelta(days=1),
        signed=request.app.state.proof_keys is not None,
        whole=kept.ALL,
    )
    if making:
        answer.headers["Refresh"] = str(AGAIN_S)
    return answer
